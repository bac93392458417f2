import { randomBytes } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import {
  decodeTicket,
  encodeTicket,
  holderOf,
  type Ticket,
  tokenIdOf,
} from '../../../src/core/model/ticket-format.ts'

const keys = { sign: randomBytes(32), name: randomBytes(32) }
const head = {
  holder: holderOf('user-1', keys),
  expiresAt: 1_762_700_001_000,
  epoch: 1_762_700_000,
}

const tickets: Ticket[] = [
  {
    ...head,
    subject: { kind: 'message', messageId: 2 ** 31 - 1, tokenId: tokenIdOf('login', keys) },
  },
  {
    ...head,
    subject: {
      kind: 'message',
      messageId: 1,
      fileId: 'BQACAgQAAx-_',
      tokenId: tokenIdOf('x', keys),
    },
  },
  { ...head, subject: { kind: 'upload', uploadId: '1762700000000_k3j9x0a2b' } },
]

describe.each(tickets)('a ticket for a $subject.kind', (ticket) => {
  const text = encodeTicket(ticket, keys)

  test('is read as it was written', () => {
    expect(decodeTicket(text, keys)).toEqual(ticket)
  })

  test('travels in a query as it is, and is no JWT', () => {
    expect(text).toMatch(/^tkt_[\w-]{80,140}$/)
  })

  test('names neither its owner nor their token', () => {
    const bytes = Buffer.from(text.slice(4), 'base64url').toString('latin1')
    expect(bytes).not.toContain('user-1')
    expect(bytes).not.toContain('login')
  })

  test('is nothing once any character of it was changed', () => {
    for (let at = 0; at < text.length; at++) {
      const other = text[at] === 'A' ? 'B' : 'A'
      expect(decodeTicket(text.slice(0, at) + other + text.slice(at + 1), keys)).toBeNull()
    }
  })

  test.each(['', 'tkt_', `${text}A`, `${text}=`, text.slice(0, -4), `${text} `, text.slice(4)])(
    'is not %j',
    (forged) => {
      expect(decodeTicket(forged, keys)).toBeNull()
    },
  )

  test('is nothing to another key', () => {
    expect(decodeTicket(text, { ...keys, sign: randomBytes(32) })).toBeNull()
  })
})
