{{- define "tutti.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "tutti.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" -}}
{{- else if contains (include "tutti.name" .) .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "tutti.name" .) | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "tutti.selector" -}}
app.kubernetes.io/name: {{ include "tutti.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: {{ .Values.role }}
{{- end -}}

{{- define "tutti.vultureSelector" -}}
app.kubernetes.io/name: {{ include "tutti.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: vulture
{{- end -}}

{{- define "tutti.labels" -}}
{{ include "tutti.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- define "tutti.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end -}}

{{- /* Who may ask: what is said, or of a gateway Grafana. Of a peer nothing is guessed (tutti.checked). */ -}}
{{- define "tutti.askers" -}}
{{- if .Values.networkPolicy.ingressFrom -}}
{{ toYaml .Values.networkPolicy.ingressFrom }}
{{- else if eq .Values.role "gateway" -}}
- namespaceSelector:
    matchLabels:
      kubernetes.io/metadata.name: grafana
{{- end -}}
{{- end -}}

{{- define "tutti.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{ .Values.serviceAccount.name | default (include "tutti.fullname" .) }}
{{- else -}}
{{ .Values.serviceAccount.name | default "default" }}
{{- end -}}
{{- end -}}

{{- define "tutti.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}

{{- define "tutti.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "tutti.probe" -}}
{{- if .root.Values.probes.tcpOnly -}}
tcpSocket:
  port: http
{{- else -}}
httpGet:
  path: {{ .path }}
  port: http
  scheme: {{ ternary "HTTPS" "HTTP" .root.Values.tls }}
{{- end -}}
{{- end -}}

{{- /* What would start and be refused by the gateway, or by nobody and be wrong, is refused here. */ -}}
{{- define "tutti.checked" -}}
{{- if and (eq .Values.role "peer") (not (contains "[[peer.trusts]]" .Values.config)) -}}
{{- fail "role is peer, and config trusts no gateway: add [[peer.trusts]] (docs/peers.md)" -}}
{{- end -}}
{{- if and .Values.audit.enabled (not (contains "[audit]" .Values.config)) -}}
{{- fail "audit.enabled gives a volume at /var/lib/tutti, and config does not use it: add [audit] dir = \"/var/lib/tutti/audit\"" -}}
{{- end -}}
{{- if and (contains "[audit]" .Values.config) (not .Values.audit.enabled) -}}
{{- fail "config has [audit], and the root is read-only: set audit.enabled" -}}
{{- end -}}
{{- if and .Values.vulture.enabled (not .Values.vulture.regions) -}}
{{- fail "vulture.enabled needs vulture.regions: where each region takes OTLP/HTTP" -}}
{{- end -}}
{{- $np := .Values.networkPolicy -}}
{{- if and (eq .Values.role "peer") $np.enabled (not $np.ingressFrom) (not .Values.ingress.enabled) -}}
{{- fail "role is peer, and nobody may ask it: say in networkPolicy.ingressFrom where the other gateway's questions come from" -}}
{{- end -}}
{{- if and .Values.tls .Values.serviceMonitor.enabled (not .Values.serviceMonitor.tlsConfig) -}}
{{- fail "tls and serviceMonitor.enabled need serviceMonitor.tlsConfig: whose certificate Prometheus shall believe (ca, serverName), or that it shall not look (insecureSkipVerify)" -}}
{{- end -}}
{{- if and (contains "client_required" .Values.config) .Values.serviceMonitor.enabled (not .Values.serviceMonitor.tlsConfig.cert) -}}
{{- fail "config has client_required, so a scrape needs a certificate to show: serviceMonitor.tlsConfig.cert and keySecret" -}}
{{- end -}}
{{- if le (int .Values.terminationGracePeriodSeconds) (int .Values.preStopSeconds) -}}
{{- fail "terminationGracePeriodSeconds leaves no time after preStopSeconds" -}}
{{- end -}}
{{- end -}}
