import { TeleStoreError } from 'telestore-client'
import { printable } from '../lib/printable.ts'

/** Something on this machine is not as the command needs it; the message is for its user. */
export class LocalFailure extends Error {}

/** Somebody has told the process to end. */
export class Interrupted extends Error {}

const SYSTEM: Record<string, string> = {
  ENOENT: 'there is no such file or folder',
  EACCES: 'access is denied',
  EPERM: 'access is denied',
  EEXIST: 'it exists already',
  EISDIR: 'it is a folder',
  ELOOP: 'its links lead in a circle',
  ENOTDIR: 'a part of the path is not a folder',
  ENOSPC: 'the disk is full',
  EROFS: 'the disk is read-only',
  ENAMETOOLONG: 'the name is too long',
}

/** An error as a sentence, with what to do about it where that is known. */
export function sentenceOf(error: unknown): string {
  const path = isOfSystem(error) && 'path' in error ? `${error.path}: ` : ''
  return printable(`${path}${reasonOf(error)}`)
}

/** The same where it is clear which file it is about. */
export function reasonOf(error: unknown): string {
  if (error instanceof TeleStoreError) return printable(`${error.message}${adviceFor(error)}`)
  if (isOfSystem(error)) return printable(SYSTEM[error.code] ?? error.message)
  return printable(error instanceof Error ? error.message : String(error))
}

function isOfSystem(error: unknown): error is Error & { code: string } {
  if (error instanceof TeleStoreError || !(error instanceof Error)) return false
  return 'code' in error && typeof error.code === 'string'
}

function adviceFor({ code, details }: TeleStoreError): string {
  if (code === 'NETWORK') return '. Does it run, and is --url its address?'
  if (code === 'TOKEN_REFUSED' || code === 'TOKEN_MISSING') return ' (see TELESTORE_TOKEN)'
  const { detail } = details
  return typeof detail === 'string' ? `: ${detail}` : ''
}
