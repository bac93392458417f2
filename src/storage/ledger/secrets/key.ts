import { randomBytes, randomUUID, scryptSync } from 'node:crypto'
import {
  closeSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import type { Log } from '../../../core/ports/log.ts'
import { StartUpError } from '../../../errors.ts'
import { systemCode } from '../../disk/disk-error.ts'
import { makePrivateFile } from '../../disk/private-files.ts'

const KEY_BYTES = 32
const HEX_KEY = /^[0-9a-f]{64}$/i
const BASE64_KEY = /^[A-Za-z0-9+/_-]{43}=?$/

export interface LedgerKeyOptions {
  /** `LEDGER_KEY`: 64 hexadecimal digits, 32 bytes in base64, or any passphrase. */
  fromEnv: string | undefined
  /** Where a key file is kept when the environment names none. */
  directory: string
  log: Log
}

/**
 * The 32 bytes that protect the ledger's secrets: from the environment, else from a key file that
 * only its owner can read, made at the first start. Throws when that file is damaged or the disk
 * refuses; a passphrase costs about 0.1 s of CPU.
 */
export function loadLedgerKey({ fromEnv, directory, log }: LedgerKeyOptions): Buffer {
  if (fromEnv !== undefined && fromEnv !== '') return parseKey(fromEnv)
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const path = join(directory, 'ledger.key')
  const existing = readKeyFile(path)
  if (existing !== null) {
    if (makePrivateFile(path)) {
      log.warn(
        {},
        'ledger.key was open to other users: who has read it can read the secrets of the ledger. Remove it for a new one; unfinished uploads must then be added again',
      )
    }
    return existing
  }
  createKeyFile(path)
  // Another process may have been faster: what the file says is the key.
  const created = readKeyFile(path)
  if (created === null) throw new Error('ledger.key could not be made')
  return created
}

function parseKey(text: string): Buffer {
  if (HEX_KEY.test(text)) return Buffer.from(text, 'hex')
  if (BASE64_KEY.test(text)) return Buffer.from(text, 'base64')
  // The salt is fixed, because the same words must give the same key on a disk that was wiped.
  return scryptSync(text, 'telestore-worker/ledger-key', KEY_BYTES, { N: 32_768, maxmem: 2 ** 26 })
}

function readKeyFile(path: string): Buffer | null {
  let text: string
  try {
    text = readFileSync(path, 'utf8').trim()
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return null
    throw error
  }
  if (!HEX_KEY.test(text)) {
    throw new StartUpError(
      'ledger.key is damaged. Remove it: unfinished uploads must then be added again',
    )
  }
  return Buffer.from(text, 'hex')
}

/** Written aside and linked: at any moment the file is not there or whole, and never replaced. */
function createKeyFile(path: string): void {
  const aside = `${path}.${randomUUID()}`
  try {
    const file = openSync(aside, 'wx', 0o600)
    try {
      writeSync(file, `${randomBytes(KEY_BYTES).toString('hex')}\n`)
      fsyncSync(file)
    } finally {
      closeSync(file)
    }
    linkSync(aside, path)
  } catch (error) {
    if (systemCode(error) !== 'EEXIST') throw error
  } finally {
    rmSync(aside, { force: true })
  }
}
