import { AppError } from '../../../errors.ts'
import { MAX_DEPTH, MAX_PATH_BYTES } from './folder-tree.ts'
import { MAX_FOLDER_NAME_BYTES } from './names.ts'

/** The names of folders from the root down; none: the root. */
export type FolderPath = readonly string[]

/**
 * Splits a path as callers write it: `/a/b`, `a/b` and `/a/b/` are one folder, `/` and an empty text
 * are the root. Names come back as folders are shown: in NFC, without white space at their ends.
 * Throws INVALID_REQUEST, which names `field`.
 */
export function parseFolderPath(text: string, field: string): FolderPath {
  if (Buffer.byteLength(text) > MAX_PATH_BYTES) throw pathTooLong(field)
  if (text === '' || text === '/') return []
  const inside = text.replace(/^\//, '').replace(/\/$/, '')
  const names = inside.split('/').map((name) => parseFolderName(name, field))
  if (names.length > MAX_DEPTH) {
    throw invalidPath(field, `the path has more than ${MAX_DEPTH} folders`)
  }
  // As it is shown it may be longer: with its first slash, and in NFC.
  if (bytesOfPath(names) > MAX_PATH_BYTES) throw pathTooLong(field)
  return names
}

function parseFolderName(name: string, field: string): string {
  if (!name.isWellFormed()) throw invalidPath(field, 'the name of a folder is no Unicode text')
  if (/[\p{Cc}\\]/u.test(name)) {
    throw invalidPath(field, 'the name of a folder has a backslash or a control character')
  }
  const shown = name.normalize('NFC').trim()
  if (shown === '') throw invalidPath(field, 'the name of a folder is empty')
  if (shown === '.' || shown === '..') throw invalidPath(field, `a folder cannot be named ${shown}`)
  if (Buffer.byteLength(shown) > MAX_FOLDER_NAME_BYTES) {
    throw invalidPath(field, `the name of a folder is longer than ${MAX_FOLDER_NAME_BYTES} bytes`)
  }
  return shown
}

/** Writes a path as the API shows it: `/` is the root. */
export function formatFolderPath(path: FolderPath): string {
  return `/${path.join('/')}`
}

/** Bytes of UTF-8 of a path as the API shows it. */
export function bytesOfPath(path: FolderPath): number {
  return Buffer.byteLength(formatFolderPath(path))
}

/** The folder around it and its own name; null for the root. */
export function splitFolderPath(path: FolderPath): { parent: FolderPath; name: string } | null {
  const name = path.at(-1)
  return name === undefined ? null : { parent: path.slice(0, -1), name }
}

/** Whether a folder is the other one, or lies in it. */
export function isWithinFolder(path: FolderPath, folder: FolderPath): boolean {
  return folder.every((name, at) => path[at] === name)
}

/**
 * The folder of a file by its path as browsers tell it (`relativePath` of Uppy): without the last
 * segment, which is the file's own name. Throws as `parseFolderPath` does.
 */
export function folderOfRelativePath(relativePath: string, field: string): FolderPath {
  const end = relativePath.lastIndexOf('/')
  return end < 0 ? [] : parseFolderPath(relativePath.slice(0, end), field)
}

function pathTooLong(field: string): AppError {
  return invalidPath(field, `the path is longer than ${MAX_PATH_BYTES} bytes`)
}

/** `problem` completes a sentence about the path. */
export function invalidPath(field: string, problem: string): AppError {
  return new AppError('INVALID_REQUEST', `${field}: ${problem}`, { details: { field } })
}
