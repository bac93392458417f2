import { createReadStream } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { keySpellingsOf, MIN_LENGTH, spellingsOf } from './spellings.ts'

/** One line of a `.secrets` file: a text, or a key as base64 of its bytes. */
export interface SecretRecord {
  kind: string
  text?: string
  key?: string
}

export interface Finding {
  kind: string
  file: string
  line: number
  /** The line around the place, without the secret. */
  excerpt: string
}

/** Finds every secret recorded in a folder's `.secrets` files in its `.log` files. */
export async function searchFolder(folder: string): Promise<Finding[]> {
  const names = await readdir(folder)
  const search = createSearch(await readSecrets(folder, names))
  const findings: Finding[] = []
  for (const name of names.filter((each) => each.endsWith('.log'))) {
    const file = join(folder, name)
    let line = 0
    for await (const text of createInterface({ input: createReadStream(file) })) {
      line++
      const found = search(text)
      if (found) findings.push({ ...found, file, line })
    }
  }
  return findings
}

export function describeFinding({ kind, file, line, excerpt }: Finding): string {
  return `${kind} at ${file}:${line}: ${excerpt}`
}

async function readSecrets(folder: string, names: string[]): Promise<SecretRecord[]> {
  const files = names.filter((name) => name.endsWith('.secrets'))
  const texts = await Promise.all(files.map((name) => readFile(join(folder, name), 'utf8')))
  return texts.flatMap((text) =>
    text
      .split('\n')
      .filter(Boolean)
      .map((line): SecretRecord => JSON.parse(line)),
  )
}

type Search = (line: string) => Pick<Finding, 'kind' | 'excerpt'> | null

/**
 * Looks for thousands of texts in one pass: the four characters at each place are looked up in a
 * bitmap of how the texts begin, and only what is there is compared.
 */
export function createSearch(secrets: readonly SecretRecord[]): Search {
  const begins = new Uint8Array(1 << 20)
  const byBegin = new Map<number, { text: string; kind: string }[]>()
  const known = new Set<string>()
  for (const { kind, text, key } of secrets) {
    const ofText = text === undefined ? [] : spellingsOf(text)
    const ofKey = key === undefined ? [] : keySpellingsOf(Buffer.from(key, 'base64'))
    for (const spelling of [...ofText, ...ofKey]) {
      if (spelling.length < MIN_LENGTH || known.has(spelling)) continue
      known.add(spelling)
      const begin = hashAt(spelling, 0)
      begins[begin] = 1
      byBegin.set(begin, [...(byBegin.get(begin) ?? []), { text: spelling, kind }])
    }
  }
  return (line) => {
    for (let at = 0; at + MIN_LENGTH <= line.length; at++) {
      const begin = hashAt(line, at)
      if (begins[begin] === 0) continue
      const found = byBegin.get(begin)?.find(({ text }) => line.startsWith(text, at))
      if (!found) continue
      const before = line.slice(Math.max(0, at - 200), at)
      const after = line.slice(at + found.text.length, at + found.text.length + 100)
      return { kind: found.kind, excerpt: `${before}<the ${found.kind}>${after}` }
    }
    return null
  }
}

function hashAt(text: string, at: number): number {
  const low = text.charCodeAt(at) ^ (text.charCodeAt(at + 1) << 5)
  const high = (text.charCodeAt(at + 2) << 10) ^ (text.charCodeAt(at + 3) << 15)
  return (low ^ high) & 0xfffff
}
