import { ERROR_CODES } from '../../src/errors.ts'
import type { Answer } from './answers.ts'
import type { Exchange } from './exchange.ts'
import { type HostileRequest, mayBeHead } from './requests.ts'

/** Every header the worker ever sends: another one was smuggled in. */
const HEADERS = new Set(
  (
    'accept-ranges access-control-allow-headers access-control-allow-methods allow ' +
    'access-control-allow-origin access-control-expose-headers access-control-max-age ' +
    'cache-control connection content-disposition content-length content-range ' +
    'content-security-policy content-type cross-origin-opener-policy ' +
    'cross-origin-resource-policy date etag keep-alive last-modified location origin-agent-cluster ' +
    'referrer-policy retry-after strict-transport-security tus-extension tus-max-size ' +
    'server-timing tus-checksum-algorithm upload-defer-length upload-concat content-location upgrade ' +
    'sec-websocket-accept tus-resumable tus-version transfer-encoding upload-expires upload-length upload-metadata ' +
    'upload-offset vary x-accel-buffering x-content-type-options x-dns-prefetch-control ' +
    'x-download-options x-frame-options x-permitted-cross-domain-policies x-xss-protection ' +
    'ratelimit-limit ratelimit-remaining ratelimit-reset x-ratelimit-limit ' +
    'x-ratelimit-remaining x-ratelimit-reset'
  ).split(' '),
)

const CODES = new Set<unknown>(ERROR_CODES)

/** What no answer may hold: stacks and places in the source. */
const INSIDES = /\n\s+at |node_modules|\.ts:\d+|\bfile:\/\//

/** What is wrong with what came back, in words; empty when nothing is. */
export function problemsOf(request: HostileRequest, result: Exchange, dataDir: string): string[] {
  const { answers, problem, raw } = result
  const problems = answers.flatMap((answer) => problemsOfAnswer(answer, request))
  if (problem !== null) problems.push(problem)
  if (raw.includes(dataDir)) problems.push('the answer tells a path of the worker')
  const { expected } = request
  const outcome = answers[0]?.status ?? 'closed'
  if (expected && !expected.includes(outcome)) {
    problems.push(`${outcome} instead of ${expected.join(' or ')}`)
  }
  return problems
}

function problemsOfAnswer(answer: Answer, request: HostileRequest): string[] {
  const { status, headers, body } = answer
  const foreign = [...headers.keys()].filter((name) => !HEADERS.has(name))
  const problems = foreign.map((name) => `the header ${name} is none of the worker's`)
  if (status === 500) problems.push(`500: ${body.toString().slice(0, 300)}`)
  // 304 and answers to HEAD have no body; /readyz has one of its own.
  const bare = body.length === 0 && mayBeHead(request)
  if (status >= 400 && !bare) problems.push(...problemsOfRefusal(answer))
  return problems
}

function problemsOfRefusal({ status, headers, body }: Answer): string[] {
  const text = body.toString()
  const problems: string[] = []
  if (!/^application\/json\b/.test(headers.get('content-type') ?? '')) {
    problems.push(`${status} with the type ${headers.get('content-type')}`)
  }
  if (INSIDES.test(text)) problems.push(`${status} tells where in the source it was made`)
  const refusal = parse(text)
  if (refusal?.dependencies !== undefined) return problems
  if (typeof refusal?.error !== 'string' || refusal.error === '' || !CODES.has(refusal.code)) {
    problems.push(`${status} is not the contract's JSON: ${text.slice(0, 200)}`)
  }
  return problems
}

function parse(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? { ...value } : null
  } catch {
    return null
  }
}
