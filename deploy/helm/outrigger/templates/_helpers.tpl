{{/* Names. A Service's is a DNS label: 63 characters at most. */}}
{{- define "outrigger.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "outrigger.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" }}
{{- else if contains (include "outrigger.name" .) .Release.Name }}
{{- .Release.Name | trunc 52 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "outrigger.name" .) | trunc 52 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "outrigger.webhook" -}}
{{ include "outrigger.fullname" . }}-webhook
{{- end }}

{{- define "outrigger.serviceAccount" -}}
{{- default (include "outrigger.webhook" .) .Values.serviceAccount.name }}
{{- end }}

{{- define "outrigger.secret" -}}
{{- if eq .Values.certificate.source "secret" }}
{{- required "certificate.secret.name: write the Secret that holds tls.crt and tls.key, or another certificate.source" .Values.certificate.secret.name }}
{{- else }}
{{- include "outrigger.webhook" . }}-tls
{{- end }}
{{- end }}

{{- define "outrigger.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{ include "outrigger.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "outrigger.selectorLabels" -}}
app.kubernetes.io/name: {{ include "outrigger.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: webhook
{{- end }}

{{/* A digest says more than a tag, and goes before it. */}}
{{- define "outrigger.image" -}}
{{- if .Values.image.digest }}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest }}
{{- else }}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) }}
{{- end }}
{{- end }}
