import { nodeProgram, type Process, startTalker, tempFolder } from './processes.ts'
import type { Scope } from './scope.ts'
import { mainThreadCpu } from './usage.ts'

/** What the emulator prints when it is ready, as far as the bench uses it. */
interface EmulatorLine {
  mtproto: { host: string; port: number; dcId: number; publicKeyPem: string }
  botApi: { root: string }
  control: { root: string }
  account: Account
}

export interface Account {
  apiId: number
  apiHash: string
  session: string
  telethonSession: string
  botToken: string
  channelId: string
}

export interface EmulatorProcess extends Process, Omit<EmulatorLine, 'control'> {
  /** CPU of the thread that does the emulator's work, seconds. */
  mainThreadCpu: () => number
  /** Calls the control endpoint. */
  control: (method: string, path: string, body?: object) => Promise<unknown>
  /** The same account with one more session, so that each process has its own. */
  ownSession: () => Promise<Account>
}

export const NEAR = { latencyMs: 0, bandwidthPerConnection: null, cutConnectionsEveryMs: null }
/** As from another continent. */
export const FAR = { latencyMs: 100, bandwidthPerConnection: 8 * 1024 * 1024 }

/**
 * The emulator makes new buffers for each part, and V8 would collect its whole heap after each 64 MB
 * of them: a third of its CPU.
 */
const FLAGS = ['--external-memory-accounted-in-global-limit', '--initial-old-space-size=256']

/**
 * Starts the emulator in a process of its own; its files go with the scope. `deduplicate`: bytes that
 * come again take no disk.
 */
export async function startEmulator(
  scope: Scope,
  { deduplicate = false }: { deduplicate?: boolean } = {},
): Promise<EmulatorProcess> {
  const folder = await tempFolder(scope)
  const path = 'packages/telegram-emulator/src/main.ts'
  const args = deduplicate ? ['--deduplicate'] : []
  const program = { ...nodeProgram(path, args, FLAGS), env: { DATA_DIR: folder } }
  const { greeting, pid, usage } = await startTalker(scope, program)
  const about = greeting as EmulatorLine
  const control: EmulatorProcess['control'] = async (method, path, body) => {
    const response = await fetch(`${about.control.root}${path}`, {
      method,
      ...(body !== undefined && {
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      }),
    })
    const text = await response.text()
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`)
    return text === '' ? null : JSON.parse(text)
  }
  const { mtproto, botApi, account } = about
  return {
    mtproto,
    botApi,
    account,
    pid,
    usage,
    mainThreadCpu: () => mainThreadCpu(pid),
    control,
    ownSession: async () => {
      const made = await control('POST', '/accounts', { label: 'main', freshSession: true })
      return made as Account
    },
  }
}
