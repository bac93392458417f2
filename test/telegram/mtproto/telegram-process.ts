import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import type { Emulator } from 'telegram-emulator'
import { onTestFinished } from 'vitest'
import { SOURCE_CONDITION } from '../../helpers/source-condition.ts'

/** What the emulator prints when it runs alone. */
export type TelegramProcess = Pick<Emulator, 'mtproto' | 'botApi' | 'control' | 'account'>

/** The emulated Telegram in a process of its own, so that its memory is not ours. */
export async function startTelegramProcess(): Promise<TelegramProcess> {
  const dataDir = await mkdtemp(join(tmpdir(), 'telegram-'))
  const main = fileURLToPath(
    new URL('../../../packages/telegram-emulator/src/main.ts', import.meta.url),
  )
  const child = spawn(process.execPath, [SOURCE_CONDITION, main], {
    env: { ...process.env, DATA_DIR: dataDir },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const closed = once(child, 'close')
  onTestFinished(async () => {
    child.kill('SIGKILL')
    await closed
    await rm(dataDir, { recursive: true, force: true })
  })
  const telegram = JSON.parse(await firstLine(child, closed)) as TelegramProcess
  await fetch(`${telegram.control.root}/settings`, {
    method: 'POST',
    body: JSON.stringify({ strictSessions: true }),
  })
  return telegram
}

/** Of its stdout; throws with its last words when the child ends without one. */
export async function firstLine(
  { stdout, stderr }: ChildProcessByStdio<null, Readable, Readable>,
  closed: Promise<unknown>,
): Promise<string> {
  let words = ''
  stderr.setEncoding('utf8').on('data', (text: string) => {
    words = (words + text).slice(-4_000)
  })
  const line = once(createInterface({ input: stdout }), 'line').then(([text]) => String(text))
  const ended = closed.then(() => {
    throw new Error(`the child ended before its first line: ${words}`)
  })
  return Promise.race([line, ended])
}
