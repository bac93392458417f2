import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { lookupMimeType } from '../../core/model/mime-type.ts'
import { AppError } from '../../errors.ts'
import { acceptsCoding } from './accept.ts'
import { type CachedAnswer, cacheAnswer } from './cached-answer.ts'

/** The files of a folder that does not change. Each is read at its first request and then kept. */
export interface StaticFiles {
  /**
   * Resolves with null if the folder has no such file. Rejects with NOT_FOUND if it was removed
   * since.
   */
  find: (name: string, acceptEncoding?: string) => Promise<CachedAnswer | null>
}

/** Compressed forms that may lie beside a file, best first: their endings and names in HTTP. */
const ENCODINGS = [
  { ending: '.br', name: 'br' },
  { ending: '.gz', name: 'gzip' },
] as const

/**
 * Not by @fastify/static: it opens the file and buffers a piece of it for each reader, so a stalled
 * reader costs a file descriptor and 100 KB.
 */
export async function readStaticFiles(folder: string): Promise<StaticFiles> {
  const entries = await readdir(folder, { withFileTypes: true })
  const names = entries.filter((entry) => entry.isFile()).map(({ name }) => name)
  const files = new Map(names.map((name) => [name, cacheAnswer(() => read(folder, name))]))

  async function find(name: string, acceptEncoding?: string): Promise<CachedAnswer | null> {
    const plain = files.get(name)
    if (!plain) return null
    const encoding = ENCODINGS.find(
      (each) => files.has(name + each.ending) && acceptsCoding(acceptEncoding, each.name),
    )
    const made = encoding && files.get(name + encoding.ending)
    return made ? asEncoded(await made(), name, encoding.name) : plain()
  }

  return { find }
}

async function read(folder: string, name: string): Promise<CachedAnswer> {
  try {
    const body = await readFile(join(folder, name))
    return { headers: { 'content-type': contentTypeOf(name), vary: 'Accept-Encoding' }, body }
  } catch (cause) {
    throw new AppError('NOT_FOUND', 'There is nothing here', { cause })
  }
}

function asEncoded(answer: CachedAnswer, name: string, encoding: string): CachedAnswer {
  const described = { 'content-type': contentTypeOf(name), 'content-encoding': encoding }
  return { ...answer, headers: { ...answer.headers, ...described } }
}

function contentTypeOf(name: string): string {
  const type = lookupMimeType(name)
  return type.startsWith('text/') ? `${type}; charset=utf-8` : type
}
