#!/usr/bin/env node
import { parseArgs } from 'node:util'
import { startTelegram } from './emulator.ts'

const USAGE = `Usage: telegram-emulator [options]

Runs a Telegram on loopback. When it is ready, it prints one line of JSON: its addresses, its
public key, and an account with its sessions and its bot token. It runs until SIGINT or SIGTERM.

  --data-dir <folder>  keep everything in this folder, and bring it back from there (or DATA_DIR);
                       without it, in a temporary folder that is removed at the end
  --deduplicate        let documents share blocks of equal bytes, so that these take room once
  --host <address>     the address to listen on; 127.0.0.1 by default
  --base-port <port>   the first of five MTProto ports in a row
  --help
`

const OPTIONS = {
  'data-dir': { type: 'string' },
  deduplicate: { type: 'boolean' },
  host: { type: 'string' },
  'base-port': { type: 'string' },
  help: { type: 'boolean' },
} as const

function readArguments() {
  try {
    const { values } = parseArgs({ options: OPTIONS })
    const basePort = Number(values['base-port'] ?? 0)
    // String sessions cannot hold a port above 32767.
    if (!Number.isInteger(basePort) || basePort < 0 || basePort > 32_763)
      throw new TypeError('--base-port is not a number up to 32763')
    return { ...values, basePort }
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : error}\n\n${USAGE}`)
    process.exit(2)
  }
}

const given = readArguments()
if (given.help) {
  process.stdout.write(USAGE)
  process.exit(0)
}

const emulator = await startTelegram({
  dataDir: given['data-dir'] ?? process.env.DATA_DIR,
  deduplicate: given.deduplicate,
  host: given.host,
  basePort: given.basePort || undefined,
  log: (line) => process.stderr.write(`${line}\n`),
})
const { mtproto, botApi, control } = emulator
const { apiId, apiHash, session, telethonSession, botToken, channelId } = emulator.account
const account = { apiId, apiHash, session, telethonSession, botToken, channelId }
// The one line of stdout: programs read it.
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
