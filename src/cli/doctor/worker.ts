import { type Asked, ask, askOrThrow } from './ask.ts'
import type { DoctorContext, Finding } from './check.ts'

const CHECK = 'Worker'
const TIMEOUT_MS = 10_000

type Found = Omit<Finding, 'check'>
type WorkerContext = Pick<DoctorContext, 'report' | 'signal' | 'options'>

/** Checks that a worker answers at the named address, is ready, and takes the token. */
export async function checkWorker(
  context: WorkerContext,
  { url, timeoutMs = TIMEOUT_MS }: { url: string; timeoutMs?: number },
): Promise<void> {
  const { signal, options } = context
  const root = url.replace(/\/+$/, '')
  const name = nameOf(root)
  const report = (found: Found): void => context.report({ check: CHECK, ...found })
  const asked = await askOrThrow(`${root}/readyz`, signal, { timeoutMs }).catch(
    (error: unknown) => {
      signal.throwIfAborted()
      const [text, advice] = explain(error, timeoutMs / 1000)
      report({ verdict: 'failed', text: `${name} ${text}`, advice })
      return null
    },
  )
  if (asked === null) return
  const found = judge(asked, name)
  report(found)
  if (found.verdict === 'failed' || options.token === null) return
  const { token } = options
  const refused = await ask(`${root}/jobs?limit=1`, signal, { token, timeoutMs })
  if (refused?.status !== 401) return
  report({
    verdict: 'failed',
    text: `${name} does not take the token`,
    advice: 'Is TELESTORE_TOKEN whole, and a token of that worker? Sign in again for a new one.',
  })
}

/** Judges an answer to `/readyz`. */
function judge({ status, location, body }: Asked, name: string): Found {
  if (status >= 300 && status < 400) {
    const to = location === null ? 'elsewhere' : `to ${locationOf(location, name)}`
    return {
      verdict: 'failed',
      text: `${name} sends its callers on ${to}`,
      advice: 'Name that address, without the /readyz at its end: uploads do not follow.',
    }
  }
  const dependencies = body?.dependencies
  if (typeof dependencies === 'object' && dependencies !== null) {
    if (body?.status === 'ready') return { verdict: 'ok', text: `${name} is ready` }
    return {
      verdict: 'failed',
      text: `${name} is alive, but not ready: ${reasonsIn({ ...dependencies })}`,
      advice: 'Its log says more. What has only begun may need a minute.',
    }
  }
  if (body?.code === 'NOT_FOUND') {
    return {
      verdict: 'failed',
      text: `${name} has a worker, but not at this path`,
      advice: 'Is the path of the address right? Most workers have none.',
    }
  }
  return {
    verdict: 'failed',
    text: `${name} answers with status ${status}, and not as a worker does`,
    advice:
      'Is the address right? Where a proxy stands before the worker, does the worker run, and does\nthe proxy know where?',
  }
}

function reasonsIn(dependencies: Record<string, unknown>): string {
  const reasons = Object.entries(dependencies).flatMap(([name, state]) => {
    const { ready, reason }: Record<string, unknown> = { ...Object(state) }
    return ready === false ? [`${name} ${reason ?? 'is not ready'}`] : []
  })
  return reasons.join(', ')
}

const REFUSED =
  'Start the worker there (`npm start`), or name its address by --url or TELESTORE_URL.'
const TLS =
  'Does the address begin with http:// where it should be https://, or the other way round?'
const CERTIFICATE =
  'Browsers and clients will refuse it, too. For one of your own authority set NODE_EXTRA_CA_CERTS to\nits file.'

/** Explains a missing answer, by the error codes of Node, OpenSSL and undici. */
const WHY: readonly [codes: RegExp, text: string, advice: string][] = [
  [/^ECONNREFUSED$/, 'has nothing that listens there', REFUSED],
  [/^(ENOTFOUND|EAI_AGAIN)$/, 'has a name that no host has', 'Is the name of the host right?'],
  [/TIMEDOUT|TIMEOUT|UNREACH/, 'cannot be reached', 'Is it switched on, and no firewall between?'],
  [/CERT|SELF_SIGNED|UNABLE_TO/, 'has a certificate that is not good', CERTIFICATE],
  [/SSL|EPROTO|ECONNRESET|SOCKET|HPE_/, 'does not speak as this address says', TLS],
]

function explain(error: unknown, seconds: number): [text: string, advice: string] {
  if (error instanceof Error && error.name === 'TimeoutError') {
    return [
      `does not answer within ${seconds} s`,
      'Is it the worker, and not stuck? Look at its log.',
    ]
  }
  const cause: unknown = error instanceof Error ? error.cause : undefined
  const code = String(Reflect.get(Object(cause), 'code') ?? '')
  const [, text, advice] = WHY.find(([codes]) => codes.test(code)) ?? []
  if (text !== undefined && advice !== undefined) return [`${text} (${code})`, advice]
  // For example a port that fetch refuses to use.
  const reason = cause instanceof Error ? cause.message : 'no reason is known'
  return [`cannot be asked (${code || reason})`, 'Is this the address of a worker, with its port?']
}

/** Leaves out a password. */
function nameOf(url: string): string {
  const { origin, pathname } = new URL(url)
  return `${origin}${pathname.replace(/\/$/, '')}`
}

/** Leaves out the query, which may hold secrets. */
function locationOf(location: string, name: string): string {
  return URL.canParse(location, name) ? nameOf(new URL(location, name).href) : 'no address'
}
