import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'
import type { Emulator } from '../../../src/emulator/emulator.ts'

/** What the emulator prints when it runs alone. */
export type TelegramProcess = Pick<Emulator, 'mtproto' | 'botApi' | 'account'>

/** The emulated Telegram in a process of its own, so that its memory is not ours. */
export async function startTelegramProcess(): Promise<TelegramProcess> {
  const dataDir = await mkdtemp(join(tmpdir(), 'telegram-'))
  const main = fileURLToPath(new URL('../../../src/emulator/main.ts', import.meta.url))
  const child: ChildProcess = spawn(process.execPath, [main], {
    env: { ...process.env, DATA_DIR: dataDir },
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  onTestFinished(async () => {
    child.kill('SIGKILL')
    await once(child, 'exit')
    await rm(dataDir, { recursive: true, force: true })
  })
  if (!child.stdout) throw new Error('the child has no stdout')
  const [line] = (await once(createInterface(child.stdout), 'line')) as [string]
  return JSON.parse(line) as TelegramProcess
}
