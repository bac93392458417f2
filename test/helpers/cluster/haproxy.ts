import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from '../free-port.ts'
import { findProgram } from './programs.ts'
import { startServer } from './server-process.ts'

export interface LoadBalancer {
  readonly url: string
  /** The ports that it takes for healthy. */
  healthy: () => Promise<number[]>
  stop: () => Promise<void>
}

/**
 * How it looks after the nodes. `alive`: each that answers has its turn, and connections to one that
 * does not are cut. `ready`: as ops/haproxy.cfg does, a node that stops is left in peace. `never`: all
 * have their turns, always.
 */
export type Checks = 'alive' | 'ready' | 'never'

/** HAProxy before the ports, by turns, without stickiness. */
export async function startLoadBalancer(
  ports: readonly number[],
  checks: Checks,
): Promise<LoadBalancer> {
  const command = findProgram('haproxy')
  if (command === null) throw new Error('haproxy is not installed')
  const folder = await mkdtemp(join(tmpdir(), 'telestore-haproxy-'))
  const [port, statsPort] = [await freePort(), await freePort()]
  const config = join(folder, 'haproxy.cfg')
  await writeFile(config, configOf(ports, { port, statsPort, checks }))
  const stats = `http://127.0.0.1:${statsPort}/;csv`
  const server = await startServer({
    command,
    args: ['-db', '-f', config],
    answers: async () => (await fetch(stats)).arrayBuffer(),
  })
  return {
    url: `http://127.0.0.1:${port}`,
    healthy: async () => {
      const lines = (await (await fetch(stats)).text()).split('\n').map((line) => line.split(','))
      const of = (name: string): number => lines[0]?.findIndex((head) => head.endsWith(name)) ?? -1
      const [server, status] = [of('svname'), of('status')]
      return lines
        .filter((line) => line[server]?.startsWith('node-') && line[status]?.startsWith('UP'))
        .map((line) => Number(line[server]?.slice('node-'.length)))
    },
    stop: async () => {
      await server.stop()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

const CHECKS: Record<Checks, string> = {
  alive: `
  option httpchk GET /health
  default-server check inter 300ms fall 3 rise 1 on-marked-down shutdown-sessions`,
  ready: `
  option httpchk GET /readyz
  http-check expect status 200
  default-server check inter 400ms fall 2 rise 1`,
  never: '',
}

function configOf(
  ports: readonly number[],
  { port, statsPort, checks }: { port: number; statsPort: number; checks: Checks },
): string {
  const servers = ports.map((node) => `  server node-${node} 127.0.0.1:${node}`)
  return `
defaults
  mode http
  timeout connect 2s
  timeout client 120s
  timeout server 120s
  timeout tunnel 120s
  timeout check 1s
  # A request that no node has seen goes to another one; what a node may have begun does not.
  retries 3
  retry-on conn-failure
  option redispatch 1

frontend entry
  bind 127.0.0.1:${port}
  default_backend nodes

backend nodes
  balance roundrobin
${CHECKS[checks]}
${servers.join('\n')}

frontend stats
  bind 127.0.0.1:${statsPort}
  stats enable
  stats uri /
`
}
