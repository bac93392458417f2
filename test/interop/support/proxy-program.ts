import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { onTestFinished, vi } from 'vitest'
import { freePort } from '../../helpers/free-port.ts'
import { makeTempDir } from '../../helpers/temp-dir.ts'
import { findProgram, type Program, plainEnvironment, run } from './programs.ts'

const GUIDE = readFileSync(new URL('../../../docs/proxy.md', import.meta.url), 'utf8')

/** A proxy, as the guide sets it up. */
export interface ProxyConfig {
  name: string
  program: 'nginx' | 'caddy' | 'haproxy'
  text: string
  /** What it has the worker below; empty for a domain of its own. */
  prefix: string
}

/** Every block of the guide that one of the programs reads. */
export const PROXY_CONFIGS: readonly ProxyConfig[] = [
  ...GUIDE.matchAll(/^```(nginx|caddyfile|haproxy)\n([\s\S]*?)^```$/gm),
].map(([, language = '', text = '']) => {
  const program = language === 'caddyfile' ? 'caddy' : language === 'nginx' ? 'nginx' : 'haproxy'
  const prefix = text.includes('/telestore/') ? '/telestore' : ''
  return { name: `${program} ${prefix || 'with a domain of its own'}`, program, text, prefix }
})

export interface RunningProxy {
  /** The worker's root, as callers see it. */
  url: string
  /** The certificate of the authority that has signed the certificate of the proxy. */
  authority: string
}

/**
 * Runs a block of the guide until the test ends. Of its text only the names change, the port, the
 * certificate and where the worker is. This process trusts the certificate meanwhile.
 */
export async function startProxyProgram(
  { program, text, prefix }: ProxyConfig,
  workerUrl: string,
): Promise<RunningProxy> {
  const folder = await makeTempDir()
  const certificate = await makeCertificate(folder)
  const port = await freePort()
  const own = text
    .replaceAll('127.0.0.1:10000', new URL(workerUrl).host)
    .replaceAll(/^(?:files\.)?example\.com \{/gm, `https://localhost:${port} {`)
    .replaceAll(/(?:files\.)?example\.com/g, 'localhost')
    .replaceAll('/etc/ssl/example.pem', certificate.chain)
    .replaceAll('/etc/ssl/example.key', certificate.key)
    .replaceAll('/etc/haproxy/example.pem', certificate.both)
    .replaceAll('listen 443', `listen 127.0.0.1:${port}`)
    .replaceAll('bind :443', `bind 127.0.0.1:${port}`)
  const config = join(folder, 'proxy.conf')
  await writeFile(config, complete(program, own, { folder, ...certificate }))
  const args = {
    nginx: ['-p', folder, '-c', config, '-e', 'stderr'],
    caddy: ['run', '--adapter', 'caddyfile', '--config', config],
    haproxy: ['-db', '-f', config],
  }[program]
  await startUntilItListens(program, args, { folder, port })
  trust(await readFile(certificate.authority, 'utf8'))
  return { url: `https://localhost:${port}${prefix}`, authority: certificate.authority }
}

/** What stands around a site in a whole configuration. */
function complete(
  program: ProxyConfig['program'],
  text: string,
  { folder, chain, key }: { folder: string; chain: string; key: string },
): string {
  if (program === 'haproxy') return text
  if (program === 'caddy') {
    const site = text.replace(' {\n', ` {\n\tbind 127.0.0.1\n\ttls ${chain} ${key}\n`)
    return `{\n\tadmin off\n\tauto_https off\n\tskip_install_trust\n}\n${site}`
  }
  const folders = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${folder}/${name};`,
  )
  const user = process.getuid?.() === 0 ? 'user root;' : ''
  const daemon = `daemon off; ${user} pid ${folder}/nginx.pid; error_log stderr;`
  return `${daemon}\nevents {}\nhttp {\naccess_log off;\n${folders.join('\n')}\n${text}}\n`
}

async function startUntilItListens(
  program: Program,
  args: string[],
  { folder, port }: { folder: string; port: number },
): Promise<void> {
  const child = spawn(await findProgram(program), args, {
    cwd: folder,
    env: plainEnvironment(folder),
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text
    })
  }
  const closed = once(child, 'close')
  onTestFinished(async () => {
    // At once, and nginx takes its own children along.
    child.kill('SIGTERM')
    await closed
  })
  const listening = vi.waitFor(async () => {
    const socket = connect(port, '127.0.0.1')
    await once(socket, 'connect').finally(() => socket.destroy())
  })
  const ended = closed.then(() => Promise.reject(new Error(`${program} has ended: ${output}`)))
  ended.catch(() => {})
  await Promise.race([listening, ended])
}

async function makeCertificate(folder: string) {
  const path = (name: string): string => join(folder, name)
  const names = 'subjectAltName=DNS:localhost,IP:127.0.0.1'
  const ec = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  const files = ['-keyout', path('site.key'), '-out', path('site.pem')]
  const subject = ['-subj', '/CN=localhost', '-days', '2', '-addext', names]
  await run('openssl', ['req', '-x509', ...ec, ...files, ...subject], { home: folder })
  const [chain, key] = await Promise.all([
    readFile(path('site.pem'), 'utf8'),
    readFile(path('site.key'), 'utf8'),
  ])
  await writeFile(path('both.pem'), chain + key)
  return {
    authority: path('site.pem'),
    chain: path('site.pem'),
    key: path('site.key'),
    both: path('both.pem'),
  }
}

function trust(certificate: string): void {
  const before = getCACertificates('default')
  setDefaultCACertificates([...before, certificate])
  onTestFinished(() => setDefaultCACertificates(before))
}
