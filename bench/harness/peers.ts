import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { EmulatorProcess } from './emulator.ts'
import { nodeProgram, type Program, startTalker, type Talker, tempFolder } from './processes.ts'
import type { Contestant } from './rounds.ts'
import type { Scope } from './scope.ts'
import { WORKER_ENV, WORKER_FLAGS } from './worker.ts'

/**
 * The clients of Telegram that the worker is held against. All of them talk alike: an argument of
 * JSON says where Telegram is, and each line of JSON is a command.
 */
export type PeerName = 'gotd' | 'Telethon' | 'gramjs'

/** As many as gotd has threads: it is slower with fewer. */
const GOTD_CONNECTIONS = 8
const CACHE = fileURLToPath(new URL('../../node_modules/.cache/telestore-bench/', import.meta.url))
const PEERS = fileURLToPath(new URL('../peers/', import.meta.url))

/** Starts a peer; null where it cannot be had, and then `scope.missing` says why. */
export async function startPeer(
  scope: Scope,
  emulator: EmulatorProcess,
  name: PeerName,
): Promise<Talker | null> {
  try {
    const program = PROGRAMS[name]()
    const task = { ...emulator.mtproto, ...(await emulator.ownSession()) }
    const argument = JSON.stringify({ ...task, connections: GOTD_CONNECTIONS })
    return await startTalker(scope, { ...program, args: [...program.args, argument] })
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    scope.missing.set(name, reason)
    process.stderr.write(`  without ${name}: ${reason}\n`)
    return null
  }
}

/** Starts peers and enters them among the contestants with one and the same command. */
export async function enterPeers(
  contestants: Map<string, Contestant>,
  names: readonly PeerName[],
  { scope, emulator, command }: { scope: Scope; emulator: EmulatorProcess; command: object },
): Promise<void> {
  for (const name of names) {
    const peer = await startPeer(scope, emulator, name)
    if (peer) contestants.set(name, { process: peer, run: () => obey(peer, command) })
  }
}

/** Has a peer do something with files. */
export async function obey(
  peer: Talker,
  command: object,
): Promise<{ bytes: number; seconds: number }> {
  return (await peer.ask(command)) as { bytes: number; seconds: number }
}

const PROGRAMS: Record<PeerName, () => Program> = {
  gotd: () => {
    build('go', ['build', '-o', `${CACHE}gotd`, '.'], `${PEERS}gotd`)
    return { command: `${CACHE}gotd`, args: [] }
  },
  Telethon: () => {
    const python = `${CACHE}telethon/bin/python`
    if (!existsSync(python)) build('python3', ['-m', 'venv', `${CACHE}telethon`], PEERS)
    const requirements = `${PEERS}telethon/requirements.txt`
    build(python, ['-m', 'pip', 'install', '--quiet', '--requirement', requirements], PEERS)
    return { command: python, args: [`${PEERS}telethon/peer.py`] }
  },
  gramjs: () => nodeProgram('bench/peers/gramjs.ts'),
}

function build(command: string, args: string[], cwd: string): void {
  const { error, status, stderr } = spawnSync(command, args, { cwd, encoding: 'utf8' })
  if (error) throw new Error(`${command} cannot be run here: ${error.message}`)
  if (status !== 0)
    throw new Error(`${command} ${args.slice(0, 2).join(' ')} failed: ${lastLine(stderr)}`)
}

const lastLine = (text: string): string => text.trim().split('\n').at(-1) ?? ''

export interface TransferOptions {
  bytes: number
  /** Whether the file is hashed on its way, as the worker does it. */
  digests?: boolean
  env?: Record<string, string>
}

/** The worker's own transfer: the file is in its spool, and is carried to Telegram and posted. */
export async function startTransfer(
  scope: Scope,
  emulator: EmulatorProcess,
  { bytes, digests = true, env }: TransferOptions,
): Promise<Contestant> {
  const folder = await tempFolder(scope)
  const place = { ...emulator.mtproto, ...(await emulator.ownSession()), folder, digests }
  const program = nodeProgram('bench/peers/transfer.ts', [JSON.stringify(place)], WORKER_FLAGS)
  const talker = await startTalker(scope, { ...program, env: { ...WORKER_ENV, ...env } })
  return {
    process: talker,
    prepare: () => talker.ask({ do: 'spool', bytes }),
    run: () => obey(talker, { do: 'send' }),
  }
}

/** A file on the disk for the peers to send. */
export async function bigFile(scope: Scope, bytes: number): Promise<string> {
  const path = join(await tempFolder(scope), 'bench.bin')
  await writeFile(path, randomBytes(bytes))
  return path
}
