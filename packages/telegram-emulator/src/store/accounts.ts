import { randomBytes, randomInt } from 'node:crypto'
import type { Database } from './database.ts'

export interface Account {
  id: number
  kind: 'user' | 'bot'
  name: string
  username: string | null
  botToken: string | null
  premium: boolean
  /** The data centre the account lives in. */
  dcId: number
}

export interface AccountStore {
  create: (account: Pick<Account, 'kind' | 'name' | 'premium' | 'dcId'>) => Account
  find: (id: number) => Account | null
  findByToken: (token: string) => Account | null
  findByUsername: (username: string) => Account | null
}

interface AccountRow {
  id: number
  kind: 'user' | 'bot'
  name: string
  username: string | null
  bot_token: string | null
  premium: number
  dc_id: number
}

const TOKEN_ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-'

export function createAccountStore(database: Database): AccountStore {
  const known = new Map<number, Account>()

  function select(where: string, value: string | number): Account | null {
    const row = database.get<AccountRow>(`SELECT * FROM accounts WHERE ${where} = ?`, value)
    return row ? toAccount(row) : null
  }

  return {
    create: ({ kind, name, premium, dcId }) => {
      const id = randomInt(1_000_000_000, 6_000_000_000)
      const username = `${kind}_${id}${kind === 'bot' ? '_bot' : ''}`
      const botToken = kind === 'bot' ? makeToken(id) : null
      database.run(
        'INSERT INTO accounts (id, kind, name, username, bot_token, premium, dc_id) VALUES (?, ?, ?, ?, ?, ?, ?)',
        ...[id, kind, name, username, botToken, premium ? 1 : 0, dcId],
      )
      return { id, kind, name, username, botToken, premium, dcId }
    },
    find: (id) => {
      const account = known.get(id) ?? select('id', id)
      if (account) known.set(id, account)
      return account
    },
    findByToken: (token) => select('bot_token', token),
    findByUsername: (username) => select('lower(username)', username.toLowerCase()),
  }
}

function toAccount(row: AccountRow): Account {
  return {
    id: row.id,
    kind: row.kind,
    name: row.name,
    username: row.username,
    botToken: row.bot_token,
    premium: row.premium === 1,
    dcId: row.dc_id,
  }
}

function makeToken(botId: number): string {
  const secret = Array.from(randomBytes(33), (byte) => TOKEN_ALPHABET[byte % 64]).join('')
  return `${botId}:AA${secret}`
}
