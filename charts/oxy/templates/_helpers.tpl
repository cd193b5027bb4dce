{{/* The release's name where it says oxy already, <release>-oxy otherwise; short enough for what is added to it. */}}
{{- define "oxy.fullname" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* Labels that never change: pods are selected by them. Argument: list of root and component. */}}
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

{{/* The reference of a component's image. */}}
{{- define "oxy.image" -}}
{{- $images := (index . 0).Values.images -}}
{{- $tag := $images.tag | default (index . 0).Chart.AppVersion -}}
{{- index $images (index . 1) | default (printf "%s/oxy-%s:%s" $images.registry (index . 1) $tag) -}}
{{- end -}}

{{/* What every pod has: the restricted Pod Security Standard, one user for all volumes, where it may run. */}}
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

{{/* What every container has. */}}
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

{{/* Probes of a process of ours: readiness may take long at a first start, liveness is about a stalled event loop. */}}
{{- define "oxy.probes" -}}
ports:
  - {name: probes, containerPort: 9090}
readinessProbe:
  httpGet: {path: /readyz, port: probes}
  periodSeconds: 2
  timeoutSeconds: 2
livenessProbe:
  httpGet: {path: /livez, port: probes}
  initialDelaySeconds: 30
  periodSeconds: 20
  timeoutSeconds: 5
  failureThreshold: 3
{{- end -}}

{{- define "oxy.natsUrl" -}}
{{- if .Values.nats.embedded -}}
nats://{{ include "oxy.fullname" . }}-nats.{{ .Release.Namespace }}.svc:4222
{{- else -}}
{{ required "nats.url must be set when nats.embedded is false, for example nats://nats.example.org:4222" .Values.nats.url }}
{{- end -}}
{{- end -}}

{{/* Name of the Secret with the database's connection strings. */}}
{{- define "oxy.postgresSecret" -}}
{{- if .Values.postgres.embedded -}}
{{ include "oxy.fullname" . }}-postgres
{{- else -}}
{{ required "postgres.secretRef.name must be set when postgres.embedded is false: a Secret with the connection strings" .Values.postgres.secretRef.name }}
{{- end -}}
{{- end -}}

{{/* A key in that Secret. The embedded server's Secret is made by the bootstrap Job, with fixed keys. */}}
{{- define "oxy.postgresKey" -}}
{{- $reference := (index . 0).Values.postgres.secretRef -}}
{{- $default := dict "adminUrlKey" "admin-url" "appUrlKey" "app-url" "appPasswordKey" "app-password" -}}
{{- ternary (index $default (index . 1)) (index $reference (index . 1)) (index . 0).Values.postgres.embedded -}}
{{- end -}}
