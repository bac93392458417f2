import { TeleStoreError } from 'telestore-client'
import { printable } from '../lib/printable.ts'

/** A fault of this machine, such as a missing file. The message is for the user. */
export class LocalFailure extends Error {}

/** A signal has told the process to end. */
export class Interrupted extends Error {}

/** Codes of errors that would fail other files as well. */
export const FOR_ALL: ReadonlySet<string> = new Set([
  ...['NETWORK', 'TOKEN_REFUSED', 'TOKEN_MISSING', 'TELEGRAM_NOT_CONFIGURED'],
])

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

/** Returns an error as a sentence, with advice where there is some. */
export function sentenceOf(error: unknown): string {
  const path = isOfSystem(error) && 'path' in error ? `${error.path}: ` : ''
  return printable(`${path}${reasonOf(error)}`)
}

/** The same without the name of the file. */
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
