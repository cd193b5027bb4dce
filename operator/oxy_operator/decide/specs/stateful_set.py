"""The StatefulSet that runs an instance's pod: one replica, or none while suspended or waiting for a person."""

from typing import Final

from oxy_core.instance.custom_resource import (
    EPOCH_ANNOTATION,
    INSTANCE_LABEL,
    claim_name,
    runtime_name,
    session_folder,
)
from oxy_core.instance.proxy_url import PROXY_KEY
from oxy_core.session_backups import BACKUP_KEY_FILE
from oxy_core.tenant import CREDENTIALS_FILE, SETTINGS_FILE
from oxy_operator.decide.epoch_record import EpochRecord
from oxy_operator.decide.instance import Instance, NetworkSpec
from oxy_operator.decide.pod import CONTAINER
from oxy_operator.decide.specs.metadata import labels, metadata
from oxy_operator.decide.specs.pod_resources import pod_resources
from oxy_operator.decide.workload import PROXY_ANNOTATION, VOLUME_VARIABLE
from oxy_operator.objects import Object

USER: Final = 65532
"""The unprivileged user of the images; the convention of distroless images."""

PROBE_PORT: Final = 9090
GRACE_SECONDS: Final = 30

AUTHORITIES: Final = "/ca"
"""Where the ConfigMap of ``spec.network.caBundleConfigMapRef`` is mounted."""

_CREDENTIALS: Final = "/credentials"
_SETTINGS: Final = "/settings"
_TERMINATION_LOG: Final = "/dev/termination-log"
_TMP: Final = "64Mi"
"""Most that a pod may put into /tmp, beyond which it is evicted. Nothing of ours writes there."""
_START_SECONDS: Final = 300
"""How long a pod may take to start before it is killed."""


def runtime_stateful_set(  # noqa: PLR0913 what a pod is made of
    instance: Instance,
    record: EpochRecord,
    *,
    account: str,
    image: str,
    nats_url: str,
    volume: str,
    proxy: str | None,
    replicas: int,
) -> Object:
    """Return the StatefulSet.

    `account` is the public key of the instance's account; `image` applies unless the instance names its own; `volume`
    is the uid of the session's claim: one that is restored from a snapshot has another; `proxy` is the digest of its
    proxy's URL, which the kubelet takes from the Secret when it starts a container.
    Pod management is parallel: with OrderedReady, a pod that is not ready would never be replaced after a change.
    """
    selector = {INSTANCE_LABEL: instance.name}
    proxied = {PROXY_ANNOTATION: proxy} if proxy else {}
    return {
        "metadata": metadata(instance, runtime_name(instance.name)),
        "spec": {
            "replicas": replicas,
            "serviceName": runtime_name(instance.name),
            "podManagementPolicy": "Parallel",
            "selector": {"matchLabels": selector},
            "template": {
                # A change of the template replaces the pod; all other settings reach it through its ConfigMap.
                "metadata": {
                    "labels": labels(instance),
                    "annotations": {EPOCH_ANNOTATION: str(record.epoch)} | proxied,
                },
                "spec": _pod(instance, image, _environment(instance, account, nats_url, volume)),
            },
        },
    }


def _pod(instance: Instance, image: str, environment: list[Object]) -> Object:
    runtime, network = instance.spec.runtime, instance.spec.network
    fields: Object = {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": GRACE_SECONDS,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER,
            "runAsGroup": USER,
            "fsGroup": USER,
            # Skip the recursive chown at each start if the volume's root already has the right owner.
            "fsGroupChangePolicy": "OnRootMismatch",
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [_container(instance, runtime.image or image, environment)],
        "volumes": _volumes(instance.name, network),
        "nodeSelector": runtime.node_selector,
        "tolerations": [item.model_dump(mode="json", by_alias=True, exclude_none=True) for item in runtime.tolerations],
    }
    return {name: value for name, value in fields.items() if value not in ({}, [])}


def _container(instance: Instance, image: str, environment: list[Object]) -> Object:
    return {
        "name": CONTAINER,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "env": environment,
        "ports": [{"name": "metrics", "containerPort": PROBE_PORT, "protocol": "TCP"}],
        "resources": pod_resources(instance.spec.runtime),
        "terminationMessagePath": _TERMINATION_LOG,
        # On a busy node the first start takes longer than a live process may be silent for.
        "startupProbe": {
            "httpGet": {"path": "/livez", "port": PROBE_PORT},
            "periodSeconds": 1,
            "timeoutSeconds": 5,
            "failureThreshold": _START_SECONDS,
        },
        # Ready means connected to WhatsApp and receiving: the status follows it within two seconds.
        "readinessProbe": {
            "httpGet": {"path": "/readyz", "port": PROBE_PORT},
            "periodSeconds": 1,
            "failureThreshold": 2,
        },
        "livenessProbe": {
            "httpGet": {"path": "/livez", "port": PROBE_PORT},
            "periodSeconds": 10,
            "timeoutSeconds": 5,
            "failureThreshold": 6,
        },
        "volumeMounts": _mounts(instance),
    }


def _environment(instance: Instance, account: str, nats_url: str, volume: str) -> list[Object]:
    values = {
        "OXY_ORGANIZATION": instance.spec.organization_id,
        "OXY_INSTANCE": instance.name,
        "OXY_NAMESPACE": instance.namespace,
        "OXY_ACCOUNT": account,
        "OXY_NATS_URL": nats_url,
        "OXY_NATS_CREDENTIALS": f"{_CREDENTIALS}/{CREDENTIALS_FILE}",
        "OXY_BACKUP_KEY": f"{_CREDENTIALS}/{BACKUP_KEY_FILE}",
        "OXY_SETTINGS": f"{_SETTINGS}/{SETTINGS_FILE}",
        "OXY_SESSION": session_folder(instance.spec.organization_id, instance.name),
        # Where SQLite puts what it needs for a while, up to the size of a file that it writes anew: on the same volume,
        # where a lack of room is an error and not the end of the pod.
        "SQLITE_TMPDIR": session_folder(instance.spec.organization_id, instance.name),
        VOLUME_VARIABLE: volume,
        "OXY_TERMINATION_LOG": _TERMINATION_LOG,
        "OXY_PROBE_PORT": str(PROBE_PORT),
    }
    network = instance.spec.network
    if network.ca_bundle_config_map_ref:
        values["SSL_CERT_FILE"] = f"{AUTHORITIES}/ca.crt"
    variables: list[Object] = [{"name": name, "value": value} for name, value in values.items()]
    variables += [
        _from_pod("OXY_EPOCH", f"metadata.annotations['{EPOCH_ANNOTATION}']"),
        _from_pod("OXY_POD_UID", "metadata.uid"),
    ]
    if network.proxy_secret_ref:
        reference = {"name": network.proxy_secret_ref.name, "key": PROXY_KEY}
        variables.append({"name": "HTTPS_PROXY", "valueFrom": {"secretKeyRef": reference}})
    return variables


def _from_pod(name: str, path: str) -> Object:
    return {"name": name, "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": path}}}


def _mounts(instance: Instance) -> list[Object]:
    mounts: list[Object] = [
        # The volume's root, under whatever path: one that older versions mounted elsewhere is used as it is.
        {"name": "session", "mountPath": session_folder(instance.spec.organization_id, instance.name)},
        {"name": "credentials", "mountPath": _CREDENTIALS, "readOnly": True},
        {"name": "settings", "mountPath": _SETTINGS, "readOnly": True},
        {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 the container's own, an emptyDir
    ]
    if instance.spec.network.ca_bundle_config_map_ref:
        mounts.append({"name": "authorities", "mountPath": AUTHORITIES, "readOnly": True})
    return mounts


def _volumes(instance: str, network: NetworkSpec) -> list[Object]:
    volumes: list[Object] = [
        {"name": "session", "persistentVolumeClaim": {"claimName": claim_name(instance)}},
        {"name": "credentials", "secret": {"secretName": runtime_name(instance)}},
        {"name": "settings", "configMap": {"name": runtime_name(instance)}},
        {"name": "tmp", "emptyDir": {"sizeLimit": _TMP}},
    ]
    if network.ca_bundle_config_map_ref:
        reference = {"name": network.ca_bundle_config_map_ref.name}
        volumes.append({"name": "authorities", "configMap": reference})
    return volumes
