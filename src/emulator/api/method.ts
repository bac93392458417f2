import type { Telegram } from '../context.ts'
import type { Account } from '../store/accounts.ts'
import type { Connection, TlObject, TlValue } from '../types.ts'

/** One call of a method that needs no login. */
export interface OpenCall {
  telegram: Telegram
  method: TlObject
  account: Account | null
  authKeyId: string
  connection: Connection
}

/** One call by an account. */
export interface Call extends OpenCall {
  account: Account
}

export type OpenMethods = Record<string, (call: OpenCall) => TlValue | Promise<TlValue>>
export type Methods = Record<string, (call: Call) => TlValue | Promise<TlValue>>
