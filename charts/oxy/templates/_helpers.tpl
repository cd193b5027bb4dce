{{/* The release's name if it contains "oxy", otherwise <release>-oxy. Truncated to leave room for suffixes. */}}
{{- define "oxy.fullname" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* Immutable labels, by which pods are selected. Argument: list of root and component. */}}
{{- define "oxy.selector" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: oxy
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end -}}

{{- define "oxy.labels" -}}
{{- $root := index . 0 -}}
{{ include "oxy.selector" . }}
app.kubernetes.io/part-of: oxy
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" }}
{{- end -}}

{{/* Image reference of a component. Argument: list of root and component. */}}
{{- define "oxy.image" -}}
{{- $images := (index . 0).Values.images -}}
{{- $tag := $images.tag | default (index . 0).Chart.AppVersion -}}
{{- index $images (index . 1) | default (printf "%s/oxy-%s:%s" $images.registry (index . 1) $tag) -}}
{{- end -}}

{{/* Fields of every pod: the restricted Pod Security Standard, one user for all volumes, scheduling. */}}
{{- define "oxy.pod" -}}
{{- $values := index (index . 0).Values (index . 1) -}}
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  fsGroup: 65532
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: {type: RuntimeDefault}
enableServiceLinks: false
{{- with (index . 0).Values.images.pullSecrets }}
imagePullSecrets: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with $values.nodeSelector }}
nodeSelector: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with $values.tolerations }}
tolerations: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with $values.affinity }}
affinity: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with $values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- end -}}

{{/* Fields of every container. */}}
{{- define "oxy.container" -}}
{{- $root := index . 0 -}}
image: {{ include "oxy.image" . | quote }}
imagePullPolicy: {{ $root.Values.images.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
terminationMessagePolicy: FallbackToLogsOnError
{{- end -}}

{{/* Probes of our own processes. On a busy node the first start takes long; liveness detects a stalled event loop. */}}
{{- define "oxy.probes" -}}
ports:
  - {name: probes, containerPort: 9090}
startupProbe:
  httpGet: {path: /livez, port: probes}
  periodSeconds: 1
  timeoutSeconds: 5
  failureThreshold: 300
readinessProbe:
  httpGet: {path: /readyz, port: probes}
  periodSeconds: 2
  timeoutSeconds: 2
livenessProbe:
  httpGet: {path: /livez, port: probes}
  periodSeconds: 20
  timeoutSeconds: 5
  failureThreshold: 3
{{- end -}}

{{/* On how many NATS servers each stream has its data. */}}
{{- define "oxy.natsReplicas" -}}
{{- if and .Values.nats.embedded (gt (int .Values.nats.replicas) 1) -}}
{{ fail "nats.replicas must be 1 while nats.embedded is true: the embedded server is alone" }}
{{- end -}}
{{ int .Values.nats.replicas }}
{{- end -}}

{{- define "oxy.natsUrl" -}}
{{- if .Values.nats.embedded -}}
nats://{{ include "oxy.fullname" . }}-nats.{{ .Release.Namespace }}.svc:4222
{{- else -}}
{{ required "nats.url must be set when nats.embedded is false, for example nats://nats.example.org:4222" .Values.nats.url }}
{{- end -}}
{{- end -}}

{{/* Name of the Secret with the connection strings of the database. */}}
{{- define "oxy.postgresSecret" -}}
{{- if .Values.postgres.embedded -}}
{{ include "oxy.fullname" . }}-postgres
{{- else -}}
{{ required "postgres.secretRef.name must be set when postgres.embedded is false: a Secret with the connection strings" .Values.postgres.secretRef.name }}
{{- end -}}
{{- end -}}

{{/* A key in that Secret. The bootstrap Job creates the embedded server's Secret with fixed keys. */}}
{{- define "oxy.postgresKey" -}}
{{- $reference := (index . 0).Values.postgres.secretRef -}}
{{- $default := dict "adminUrlKey" "admin-url" "appUrlKey" "app-url" "appPasswordKey" "app-password" -}}
{{- ternary (index $default (index . 1)) (index $reference (index . 1)) (index . 0).Values.postgres.embedded -}}
{{- end -}}

{{/* Environment of a process that reads and writes files in the object store; nothing if there is none. */}}
{{- define "oxy.mediaStore" -}}
{{- with .Values.media.store }}
{{- if .url }}
- {name: OXY_MEDIA_STORE_URL, value: {{ .url | quote }}}
- {name: OXY_MEDIA_STORE_REGION, value: {{ .region | quote }}}
{{- if .endpoint }}
- {name: OXY_MEDIA_STORE_ENDPOINT, value: {{ .endpoint | quote }}}
{{- end }}
{{- $secret := required "media.store.secretRef.name must be set with media.store.url: a Secret with the store's access key" .secretRef.name }}
- name: OXY_MEDIA_STORE_ACCESS_KEY_ID
  valueFrom:
    secretKeyRef: {name: {{ $secret | quote }}, key: {{ .secretRef.accessKeyIdKey | quote }}}
- name: OXY_MEDIA_STORE_SECRET_ACCESS_KEY
  valueFrom:
    secretKeyRef: {name: {{ $secret | quote }}, key: {{ .secretRef.secretAccessKeyKey | quote }}}
{{- end }}
{{- end }}
{{- end -}}
