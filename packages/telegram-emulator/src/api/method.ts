import type { Telegram } from '../context.ts'
import { badRequest } from '../rpc-error.ts'
import type { Account } from '../store/accounts.ts'
import type { Connection, RpcCall, TlObject, TlValue } from '../types.ts'

/** One call of a method that needs no login. */
export interface OpenCall {
  telegram: Telegram
  method: TlObject
  account: Account | null
  authKeyId: string
  /** The session's number and its key, as one name. */
  session: string
  connection: Connection
}

/** One call by an account. */
export interface Call extends OpenCall {
  account: Account
}

export type OpenMethods = Record<string, (call: OpenCall) => TlValue | Promise<TlValue>>
export type Methods = Record<string, (call: Call) => TlValue | Promise<TlValue>>

/** Throws for a bot: each method's page says whether bots may use it. */
export function refuseBot({ account }: Call): void {
  if (account.kind === 'bot') throw badRequest('BOT_METHOD_INVALID')
}

/** A session is one of its key: another key may have one of the same number. */
export const sessionOf = ({
  usedKeyId,
  sessionId,
}: Pick<RpcCall, 'usedKeyId' | 'sessionId'>): string => `${usedKeyId}_${sessionId}`
