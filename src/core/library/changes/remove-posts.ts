import { isFolderMessage } from '../../model/library/posts.ts'
import type { Catalogue, LibraryKey } from '../../ports/catalogue.ts'
import type { ChannelCall, ChannelGateway } from '../../ports/channel.ts'
import type { LibraryItem, LibraryJob, SettledItem } from '../../ports/library-jobs.ts'
import { rowsOf } from '../follow/plan.ts'
import type { LargeFiles } from './large-files.ts'
import { NOT_DELETABLE, PIECE_OF_FILE } from './refusals.ts'

export interface PostRemovalOptions {
  channel: Pick<ChannelGateway, 'reader' | 'messages' | 'remove'>
  catalogue: Pick<
    Catalogue,
    'applyToLibrary' | 'libraryFile' | 'libraryVolume' | 'libraryLeftovers' | 'librarySync'
  >
  largeFiles: Pick<LargeFiles, 'messagesOf' | 'remove'>
}

/** What was done of some items, to be written before more is done. */
export interface RemovedPosts {
  settled: SettledItem[]
  gone: number[]
}

/**
 * Deletes the messages that items of a job name, and the volumes of large files. A number that was given
 * by mistake deletes neither what people have written nor a piece of a file.
 */
export type RemovePosts = (
  job: Pick<LibraryJob, 'id' | 'key'>,
  call: ChannelCall,
  items: readonly LibraryItem[],
) => AsyncGenerator<RemovedPosts, void, undefined>

export function createPostRemoval(options: PostRemovalOptions): RemovePosts {
  const { channel, catalogue, largeFiles } = options

  /** Asks the channel for what the library does not know. */
  async function learn(
    key: LibraryKey,
    call: ChannelCall,
    items: readonly LibraryItem[],
  ): Promise<void> {
    if (channel.reader(call.credentials) === null) return
    const unknown: number[] = []
    for (const { isFolder, messageId } of items) {
      if (!isFolder && !(await isKnown(key, messageId))) unknown.push(messageId)
    }
    if (unknown.length === 0) return
    const { files, volumes } = rowsOf(await channel.messages(call, unknown))
    await catalogue.applyToLibrary(key, { files, volumes })
  }

  async function isKnown(key: LibraryKey, messageId: number): Promise<boolean> {
    if ((await catalogue.libraryFile(key, messageId)) !== null) return true
    return (await catalogue.libraryVolume(key, messageId)) !== null
  }

  /** All messages of a file of volumes; null: the item is something else. */
  async function largeMessages(
    { id: jobId, key }: Pick<LibraryJob, 'id' | 'key'>,
    call: ChannelCall,
    item: LibraryItem,
  ): Promise<number[] | null> {
    if (item.isFolder) return null
    const row = await catalogue.libraryFile(key, item.messageId)
    const isLarge = row !== null && row.volumes !== null
    return largeFiles.messagesOf({ jobId, key, item }, call, isLarge ? row : null)
  }

  /** Files, leftovers, and messages that still make folders. */
  async function sort(
    key: LibraryKey,
    call: ChannelCall,
    items: readonly LibraryItem[],
  ): Promise<{ ids: number[]; pieces: Set<number> }> {
    const ids = await foldersAmong(call, items)
    const pieces = new Set<number>()
    for (const { isFolder, messageId } of items) {
      if (isFolder) continue
      const volume = await catalogue.libraryVolume(key, messageId)
      if (volume && !(await isLeftOver(key, volume.captionId))) pieces.add(messageId)
      else if (volume || (await catalogue.libraryFile(key, messageId)) !== null) ids.push(messageId)
    }
    return { ids, pieces }
  }

  async function foldersAmong(call: ChannelCall, items: readonly LibraryItem[]): Promise<number[]> {
    const ids = items.filter(({ isFolder }) => isFolder).map(idOf)
    if (ids.length === 0 || channel.reader(call.credentials) === null) return ids
    return (await channel.messages(call, ids)).filter(isFolderMessage).map(idOf)
  }

  /** Only a library that has read the whole channel knows that there is no manifest. */
  async function isLeftOver(key: LibraryKey, captionId: string): Promise<boolean> {
    if (((await catalogue.librarySync(key))?.pts ?? null) === null) return false
    return (await catalogue.libraryLeftovers(key, { limit: 1, captionId })).length > 0
  }

  return async function* (job, call, items) {
    await learn(job.key, call, items)
    const large: [LibraryItem, number[]][] = []
    const others: LibraryItem[] = []
    for (const item of items) {
      const messageIds = await largeMessages(job, call, item)
      if (messageIds) large.push([item, messageIds])
      else others.push(item)
    }
    if (others.length > 0) {
      const { ids, pieces } = await sort(job.key, call, others)
      const { refusedIds } =
        ids.length === 0 ? { refusedIds: [] } : await channel.remove(call, ids, null)
      const refused = new Set(refusedIds)
      const settled = others.map(({ position, messageId }) => {
        const refusal = refused.has(messageId) ? NOT_DELETABLE : null
        return { position, reason: pieces.has(messageId) ? PIECE_OF_FILE : refusal }
      })
      yield { settled, gone: ids.filter((id) => !refused.has(id)) }
    }
    for (const [{ position }, messageIds] of large) {
      const { refusedIds } = await largeFiles.remove(call, messageIds)
      const refused = new Set(refusedIds)
      const reason = refused.size > 0 ? NOT_DELETABLE : null
      yield { settled: [{ position, reason }], gone: messageIds.filter((id) => !refused.has(id)) }
    }
  }
}

function idOf({ messageId }: { messageId: number }): number {
  return messageId
}
