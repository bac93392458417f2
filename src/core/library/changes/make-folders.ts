import type { KeyedLock } from '../../../lib/concurrency/keyed-lock.ts'
import { encodeCaption, newCaptionId } from '../../model/caption.ts'
import type { FolderPath } from '../../model/library/folder-path.ts'
import { libraryKeyOf } from '../../model/library/posts.ts'
import type { Catalogue, LibraryKey } from '../../ports/catalogue.ts'
import type { ChannelCall, ChannelGateway } from '../../ports/channel.ts'
import type { LibraryJobRecords } from '../../ports/library-jobs.ts'

export interface FolderMakingOptions {
  channel: Pick<ChannelGateway, 'post'>
  catalogue: Pick<Catalogue, 'libraryFolder'>
  records: Pick<LibraryJobRecords, 'draftFolder' | 'saveFolderNote' | 'settleFolder'>
  locks: KeyedLock
  now: () => number
}

/** Seconds of a wait of Telegram's for which others that want a folder are kept waiting too. */
const PATIENCE = 10

/**
 * Resolves with the id of the folder at a path, which is made where it is missing, with those around
 * it; null: the root. Callers that want one folder at once get the same. Its id and the note of its
 * post are kept before it is posted, so that it is made once although the process dies meanwhile.
 * Rejects as `ChannelGateway.post` does.
 */
export type MakeFolders = (call: ChannelCall, path: FolderPath) => Promise<string | null>

export function createFolderMaking(options: FolderMakingOptions): MakeFolders {
  const { channel, catalogue, records, locks, now } = options

  async function make(
    key: LibraryKey,
    call: ChannelCall,
    { name, parentId }: { name: string; parentId: string | null },
  ): Promise<string> {
    const wanted = { folderId: newCaptionId(), name, parentId, now: now() }
    const draft = await records.draftFolder(key, wanted)
    const { folderId } = draft
    let { note } = draft
    const unknown = { modifiedAt: null, sha256: null, crc32: null }
    const described = {
      id: folderId,
      kind: 'folder',
      folderId: parentId,
      name,
      ...unknown,
    } as const
    const { messageId, postedAt: editedAt } = await channel.post(
      { ...call, patience: PATIENCE },
      {
        text: encodeCaption(described),
        copyOf: null,
        journal: {
          load: async () => note,
          save: async (next) => {
            note = next
            await records.saveFolderNote(key, folderId, next)
          },
        },
      },
    )
    const folders = [{ messageId, folderId, name, parentId, editedAt }]
    await records.settleFolder(key, folderId, { folders })
    return folderId
  }

  /** The deepest folder of the path that is there. */
  async function known(key: LibraryKey, path: FolderPath): Promise<Known> {
    for (let depth = path.length; depth > 0; depth--) {
      const folder = await catalogue.libraryFolder(key, path.slice(0, depth))
      if (folder !== null) return { depth, folderId: folder.folderId }
    }
    return { depth: 0, folderId: null }
  }

  return async (call, path) => {
    const key = libraryKeyOf(call.credentials)
    const { depth, folderId } = await known(key, path)
    if (depth === path.length) return folderId
    return locks.run(`folders ${key.owner} ${key.channelId}`, async (lost) => {
      const signal = AbortSignal.any([call.signal, lost])
      signal.throwIfAborted()
      const found = await known(key, path)
      let parentId = found.folderId
      for (const name of path.slice(found.depth)) {
        parentId = await make(key, { ...call, signal }, { name, parentId })
      }
      return parentId
    })
  }
}

interface Known {
  depth: number
  folderId: string | null
}
