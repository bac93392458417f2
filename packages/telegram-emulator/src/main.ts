import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { startTelegram } from './emulator.ts'

// When the emulator is ready, it prints one line of JSON to stdout, and nothing else there.
const dataDir = process.env.DATA_DIR ?? join('data', 'emulator')
mkdirSync(dataDir, { recursive: true })

const emulator = await startTelegram({
  dataDir,
  log: (line) => process.stderr.write(`${line}\n`),
})
const { mtproto, botApi, control } = emulator
const { apiId, apiHash, session, telethonSession, botToken, channelId } = emulator.account
const account = { apiId, apiHash, session, telethonSession, botToken, channelId }
process.stdout.write(`${JSON.stringify({ mtproto, botApi, control, account })}\n`)

let stopping = false
function stop(): void {
  if (stopping) return
  stopping = true
  clearInterval(watch)
  void emulator.close()
}
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, stop)

// npm ends on SIGTERM without passing it on; its child must not stay behind.
const parent = process.ppid
const watch = setInterval(() => {
  if (process.env.npm_lifecycle_event !== undefined && process.ppid !== parent) stop()
}, 500)
