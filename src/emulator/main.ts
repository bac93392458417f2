import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { startEmulator } from './emulator.ts'

// `npm run emulator`: when ready, one line of JSON on stdout and nothing else there.
const dataDir = process.env.DATA_DIR ?? join('data', 'emulator')
mkdirSync(dataDir, { recursive: true })

const emulator = await startEmulator({
  dataDir,
  log: (line) => process.stderr.write(`${line}\n`),
})
const { mtproto, botApi, control, account } = emulator
const { apiId, apiHash, session, telethonSession, botToken, channelId } = account
process.stdout.write(
  `${JSON.stringify({
    mtproto,
    botApi,
    control,
    account: { apiId, apiHash, session, telethonSession, botToken, channelId },
  })}\n`,
)

let stopping = false
async function stop(): Promise<void> {
  if (stopping) return
  stopping = true
  await emulator.close()
}
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => void stop())
