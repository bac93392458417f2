import type { KeyedLock } from '../../../lib/concurrency/keyed-lock.ts'
import { createTtlCache } from '../../../lib/ttl-cache.ts'
import { retry } from '../../../lib/waiting/retry.ts'
import { decodeCaption } from '../../model/caption.ts'
import { libraryKeyOf } from '../../model/library/posts.ts'
import { lookupMimeType } from '../../model/mime-type.ts'
import { combineCrc32 } from '../../model/volumes/crc32-combine.ts'
import { MAX_VOLUMES, type Manifest, type ManifestVolume } from '../../model/volumes/manifest.ts'
import type { Catalogue, LibraryKey } from '../../ports/catalogue.ts'
import type { ChannelCall, ChannelGateway, ChannelMessage } from '../../ports/channel.ts'
import type { Credentials } from '../../ports/credentials.ts'
import type { Log } from '../../ports/log.ts'
import type { TransferState } from '../../ports/records.ts'
import type { TelegramGateway } from '../../ports/telegram.ts'
import type { JobQueue } from '../../runtime/job-queue.ts'
import { delayFor, isRetryable } from '../../transfers/transfer-retry.ts'
import { fileOfManifest } from './large-files.ts'
import { postManifest } from './post-manifest.ts'

export interface ManifestRestorationOptions {
  channel: Pick<ChannelGateway, 'messages'>
  catalogue: Pick<Catalogue, 'applyToLibrary' | 'libraryLeftovers' | 'libraryVolumes'>
  gateway: Pick<TelegramGateway, 'finish'>
  queue: Pick<JobQueue, 'start'>
  locks: KeyedLock
  /** How often a post is tried when it fails in a way that may pass. */
  attempts: number
  now: () => number
  log: Log
}

/**
 * Posts manifests anew that were lost: of files all of whose volumes are in the channel. Called when a
 * channel has been read to its end, and all that happened meanwhile is known.
 */
export type RestoreManifests = (credentials: Credentials) => void

/** A restored manifest of one user's library is seen by those of others at their next look. */
const REMEMBERED_MS = 3_600_000
const MAX_REMEMBERED = 10_000
/** Files that are looked at after one reading of a channel. */
const MAX_FILES = 1_000

export function createManifestRestoration(options: ManifestRestorationOptions): RestoreManifests {
  const { channel, catalogue, gateway, queue, locks, attempts, now, log } = options
  const restored = createTtlCache<true>({ maxEntries: MAX_REMEMBERED, now })

  async function restoreAll(key: LibraryKey, call: ChannelCall): Promise<void> {
    for (const left of await catalogue.libraryLeftovers(key, { limit: MAX_FILES })) {
      const { captionId, volumes, of } = left
      if (volumes < of || of > MAX_VOLUMES) continue
      const name = `${key.channelId} ${captionId}`
      await locks.run(`manifest ${name}`, async (lost) => {
        if (restored.get(name)) return
        const signal = AbortSignal.any([call.signal, lost])
        try {
          if (await restore(key, { ...call, signal }, captionId))
            restored.set(name, true, REMEMBERED_MS)
        } catch (err) {
          call.signal.throwIfAborted()
          log.warn({ err }, 'a lost manifest is posted anew after the next reading of the channel')
        }
      })
    }
  }

  /** False: what the channel has is not enough. */
  async function restore(key: LibraryKey, call: ChannelCall, captionId: string): Promise<boolean> {
    const known = await catalogue.libraryVolumes(key, captionId)
    const ids = known.map(({ messageId }) => messageId)
    const found = describeLost(captionId, await channel.messages(call, ids))
    // Its upload, or another job, may have begun to post or to delete it.
    const [left] = await catalogue.libraryLeftovers(key, { limit: 1, captionId })
    if (found === null || left === undefined) return false
    let kept: TransferState | null = null
    const post = () =>
      postManifest(gateway, call, {
        ...found,
        // A process that dies after the post finds the manifest when it looks at the channel again.
        kept: {
          load: async () => kept,
          save: async (state) => {
            kept = state
          },
        },
      })
    const { signal } = call
    const posted = await retry(post, {
      ...{ attempts, signal },
      delayFor: (error, attempt) => (isRetryable(error) ? delayFor(error, attempt) : null),
    })
    const { manifest, folderId } = found
    const file = fileOfManifest(manifest, { ...posted, folderId, now: now() })
    await catalogue.applyToLibrary(key, { files: [file] })
    const { messageId } = posted
    log.info({ messageId, volumes: manifest.volumes.length }, 'a lost manifest was posted anew')
    return true
  }

  return (credentials) => {
    const key = libraryKeyOf(credentials)
    // Counted as the jobs of libraries are: it is no upload.
    const name = `library-manifests ${key.channelId} ${key.owner}`
    queue.start({ key: name, group: key.owner }, async ({ signal }) => {
      try {
        await restoreAll(key, { credentials, signal })
      } catch (err) {
        if (!signal.aborted) log.warn({ err }, 'lost manifests cannot be looked for')
      }
    })
  }
}

/** What the lines and documents of volumes say of their file; null: they say too little. */
export function describeLost(
  captionId: string,
  messages: readonly ChannelMessage[],
): { manifest: Manifest; folderId: string | null } | null {
  const volumes: ManifestVolume[] = []
  const oldestFirst = messages.toSorted((a, b) => a.messageId - b.messageId)
  const said = oldestFirst.flatMap(({ messageId, text, forwarded, document }) => {
    const line = document && !forwarded ? decodeCaption(text, null) : null
    if (line === null || document === null || typeof line.kind !== 'object') return []
    return line.id === captionId ? { ...line, ...line.kind, messageId, document } : []
  })
  // The first message counts: nobody knew the id before it.
  const [first] = said
  if (!first) return null
  const { of, folderId, modifiedAt } = first
  const name =
    first.name ?? first.document.fileName?.replace(/\.\d{3,}$/, '') ?? `file-${first.messageId}`
  let crc = 0
  for (let number = 1; number <= of; number++) {
    const volume = said.find((one) => one.volume === number && one.of === of)
    if (!volume || volume.crc32 === null) return null
    const { messageId, document, crc32 } = volume
    const { id: documentId, size } = document
    volumes.push({ messageId, documentId, size, crc32, fileId: null })
    crc = combineCrc32(crc, Number.parseInt(crc32, 16), size)
  }
  const sha256 = said.find((one) => one.volume === of && one.of === of)?.wholeSha256
  if (sha256 === undefined) return null
  const size = volumes.reduce((sum, volume) => sum + volume.size, 0)
  const crc32 = crc.toString(16).padStart(8, '0')
  const described = { id: captionId, name, mimeType: lookupMimeType(name), size, modifiedAt }
  return { manifest: { ...described, sha256, crc32, volumes }, folderId }
}
