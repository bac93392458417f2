/** What happens to a call that a rule meets. */
export type FaultEffect =
  /** Answers with an error instead of doing anything. Bot API: `retryAfter` goes into `parameters`. */
  | { kind: 'error'; code: number; message: string; retryAfter?: number }
  /** Cuts the connection instead of doing anything. */
  | { kind: 'drop' }
  /** Does nothing and answers nothing; the connection lives on. */
  | { kind: 'silence' }
  /** Does it and answers nothing. */
  | { kind: 'lose-answer' }
  /** Does it, then cuts the connection. */
  | { kind: 'drop-after' }
  /** Answers this many milliseconds late. */
  | { kind: 'latency'; ms: number }
  /** Bot API: answers like a proxy in trouble. */
  | { kind: 'html'; status: number }

export interface FaultRule {
  /** `upload.getFile`, `upload.*`, `*`; of the Bot API `bot:sendDocument`, `bot:file`, `bot:*`. */
  method: string
  effect: FaultEffect
  /** A label given to createAccount, or an account's id. */
  account?: string
  dcId?: number
  mediaOnly?: boolean
  /** The share of calls that are met; 1 by default. Seeded, so that a run can be repeated. */
  probability?: number
  seed?: number
  /** How many matching calls pass first. */
  after?: number
  /** How many calls are met at most. */
  times?: number
}

/** What rules are matched against. */
export interface FaultTarget {
  method: string
  accountId: number | null
  /** Asked for only by rules that name an account. */
  label: () => string | null
  dcId: number
  mediaOnly: boolean
}

/** Whether the rule speaks of this call, its counting aside. */
export function concerns(rule: FaultRule, target: FaultTarget): boolean {
  return (
    methodMatches(rule.method, target.method) &&
    (rule.account === undefined ||
      rule.account === String(target.accountId) ||
      rule.account === target.label()) &&
    (rule.dcId === undefined || rule.dcId === target.dcId) &&
    (rule.mediaOnly === undefined || rule.mediaOnly === target.mediaOnly)
  )
}

function methodMatches(pattern: string, method: string): boolean {
  if (pattern === '*') return !method.startsWith('bot:')
  return pattern.endsWith('*') ? method.startsWith(pattern.slice(0, -1)) : pattern === method
}
