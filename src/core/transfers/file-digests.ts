import { createFileHash } from '../../lib/hashing/file-hash.ts'
import type { Digests } from '../ports/records.ts'
import type { OutgoingFile } from '../ports/telegram.ts'
import { createOrderedReader } from './ordered-reader.ts'

/** A file whose readers feed the digests of the whole. */
export interface DigestedFile {
  /** Reads as the file does. Bytes that are next in order are hashed before it resolves. */
  read: OutgoingFile['read']
  /** For a file that is whole: reads once more what was not hashed yet. Rejects as `read` does. */
  digests: () => Promise<Digests>
}

export interface HashingOptions {
  /** Whether the processor's own instructions hash, where the native module is compiled. */
  native: boolean
}

/** Hashes a file while it is read for another reason. After a restart it begins anew. */
export function createDigestedFile(
  file: Pick<OutgoingFile, 'size' | 'has' | 'read'>,
  { native }: HashingOptions,
): DigestedFile {
  const hash = createFileHash({ native })
  const reader = createOrderedReader(file, { onBytes: hash.update })
  let result: Digests | null = null

  return {
    read: reader.read,
    digests: async () => {
      await reader.reach(file.size)
      if (reader.reached < file.size) throw new Error('a file that is not whole has no digests')
      result ??= hash.digest()
      return result
    },
  }
}
