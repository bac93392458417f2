import { TeleStoreError } from '../client/client.ts'
import { printable } from '../lib/printable.ts'

/** Something on this machine is not as the command needs it; the message is for its user. */
export class LocalFailure extends Error {}

/** Somebody has told the process to end. */
export class Interrupted extends Error {}

const SYSTEM: Record<string, string> = {
  ENOENT: 'there is no such file',
  EACCES: 'access is denied',
  EPERM: 'access is denied',
  EEXIST: 'it exists already',
  EISDIR: 'it is a folder',
  ENOTDIR: 'a part of the path is not a folder',
  ENOSPC: 'the disk is full',
  EROFS: 'the disk is read-only',
  ENAMETOOLONG: 'the name is too long',
}

/** An error as a sentence, with what to do about it where that is known. */
export function sentenceOf(error: unknown): string {
  if (error instanceof TeleStoreError) return printable(`${error.message}${adviceFor(error)}`)
  if (!(error instanceof Error)) return printable(String(error))
  if ('code' in error && typeof error.code === 'string') {
    const path = 'path' in error ? `${error.path}: ` : ''
    return printable(`${path}${SYSTEM[error.code] ?? error.message}`)
  }
  return printable(error.message)
}

function adviceFor({ code, details }: TeleStoreError): string {
  if (code === 'NETWORK') return '. Does it run, and is --url its address?'
  if (code === 'TOKEN_REFUSED' || code === 'TOKEN_MISSING') return ' (see TELESTORE_TOKEN)'
  const { detail } = details
  return typeof detail === 'string' ? `: ${detail}` : ''
}
