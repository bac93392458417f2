import { appendFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, inject } from 'vitest'
import type { SecretRecord } from './search.ts'

/** What the whole run keeps of the workers' output, and of the secrets they were given. */

const known = new Set<string>()

function append(ending: 'log' | 'secrets', text: string): void {
  appendFileSync(join(inject('traceDir'), `${process.pid}.${ending}`), text)
}

/** Keeps a piece of output of a worker: whole lines. */
export function trace(text: string): void {
  append('log', text.endsWith('\n') ? text : `${text}\n`)
}

/** Says in the trace which test its next lines come from. */
export function traceTest(): void {
  const { testPath = '', currentTestName = '' } = expect.getState()
  trace(`# ${testPath.split('/test/').at(-1)}: ${currentTestName}`)
}

/** From now on no output of any worker may hold this text, in any spelling. */
export function registerSecret(kind: string, text: string | null | undefined): void {
  if (text === null || text === undefined || text === '') return
  register({ kind, text })
}

/** A string session: the text, and the key at its end. */
export function registerSession(text: string | null | undefined): void {
  if (text === null || text === undefined) return
  register({ kind: 'session', text })
  const bytes = Buffer.from(text.slice(1), 'base64url')
  if (bytes.length > 256)
    register({ kind: 'auth key', key: bytes.subarray(-256).toString('base64') })
}

/** A bot's token: the whole, and the half that is secret. */
export function registerBotToken(text: string | null | undefined): void {
  registerSecret('bot token', text)
  registerSecret('bot token', text?.slice(text.indexOf(':') + 1))
}

function register(record: SecretRecord): void {
  const line = JSON.stringify(record)
  if (known.has(line)) return
  known.add(line)
  append('secrets', `${line}\n`)
}
