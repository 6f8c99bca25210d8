{{- define "qkms.name" -}}
{{- if eq .Release.Name .Chart.Name }}{{ .Chart.Name }}{{ else }}{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 45 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "qkms.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "qkms.labels" -}}
{{ include "qkms.selector" . }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{/* What pods of any kind have in common: nobody's user, no token, and none of the variables QKMS_… that a Service
     named qkms would bring, which qkms would take for its flags. */}}
{{- define "qkms.pod" -}}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with .Values.serviceAccountName }}
serviceAccountName: {{ . }}
{{- end }}
{{- with .Values.imagePullSecrets }}
imagePullSecrets: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations: {{ toYaml . | nindent 2 }}
{{- end }}
securityContext:
  runAsNonRoot: true
  {{- with .Values.user }}
  runAsUser: {{ int64 . }}
  runAsGroup: {{ int64 . }}
  fsGroup: {{ int64 . }}
  {{- end }}
  # Always would open the audit log to the group at every start, and qkms doctor complain of it.
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "qkms.container" -}}
image: {{ required "image: an image made by deploy/Containerfile, NAME:TAG or NAME@sha256:…" .Values.image }}
imagePullPolicy: {{ .Values.imagePullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
{{- end }}

{{/* The root key, under the name and in the directory that systemd would hand it over by. */}}
{{- define "qkms.env" -}}
- {name: CREDENTIALS_DIRECTORY, value: /run/qkms/credentials}
# Below the volume, whose own directory others may write in.
- {name: QKMS_DATA, value: /data/qkms}
{{- if .Values.store.ca.existingSecret }}
- {name: PGSSLROOTCERT, value: /run/qkms/credentials/qkms-store-ca.crt}
{{- end }}
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "qkms.mounts" -}}
- {name: data, mountPath: /data}
- {name: credentials, mountPath: /run/qkms/credentials, readOnly: true}
{{- end }}

{{- define "qkms.credentials" -}}
name: credentials
projected:
  defaultMode: 0440
  sources:
    - secret:
        name: {{ required "rootKey.existingSecret: the Secret with the root key; values.yaml says how it is made" .Values.rootKey.existingSecret }}
        items: [{key: {{ quote .Values.rootKey.key }}, path: qkms-root-key}]
    - secret:
        name: {{ required "store.existingSecret: the Secret with the URL of the database" .Values.store.existingSecret }}
        items: [{key: {{ quote .Values.store.key }}, path: qkms-store}]
    {{- with .Values.store.ca.existingSecret }}
    - secret:
        name: {{ . }}
        items: [{key: {{ quote $.Values.store.ca.key }}, path: qkms-store-ca.crt}]
    {{- end }}
{{- end }}
