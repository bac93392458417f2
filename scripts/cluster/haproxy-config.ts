/** HAProxy before the nodes, by turns, without stickiness: as ops/haproxy.cfg, on loopback. */
export function haproxyConfig({
  port,
  statsPort,
  nodes,
}: {
  port: number
  statsPort: number
  nodes: readonly { name: string; port: number }[]
}): string {
  const servers = nodes.map((node) => `  server ${node.name} 127.0.0.1:${node.port}`).join('\n')
  return `defaults
  mode http
  timeout connect 5s
  timeout http-request 20s
  timeout http-keep-alive 60s
  timeout client 15m
  timeout server 15m
  timeout tunnel 1h
  retries 3
  retry-on conn-failure
  option redispatch 1

frontend web
  bind 127.0.0.1:${port}
  option forwardfor
  http-request set-header X-Forwarded-Host %[req.hdr(host)]
  http-request set-header X-Forwarded-Proto http
  http-request del-header X-Forwarded-Prefix
  http-request return status 404 if { path_beg -i /cluster/ }
  use_backend alive if { nbsrv(nodes) eq 0 }
  default_backend nodes

backend nodes
  balance roundrobin
  option abortonclose
  option httpchk GET /readyz
  http-check expect status 200
  default-server check inter 400ms fall 2 rise 1
${servers}

backend alive
  balance roundrobin
  option httpchk GET /health
  http-check expect status 200
  default-server check inter 1s fall 2 rise 1
${servers}

frontend stats
  bind 127.0.0.1:${statsPort}
  stats enable
  stats uri /
`
}
