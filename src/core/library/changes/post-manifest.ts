import { manifestCaption } from '../../model/volumes/captions.ts'
import { encodeManifest, MANIFEST_MIME_TYPE, type Manifest } from '../../model/volumes/manifest.ts'
import { manifestName } from '../../model/volumes/names.ts'
import type { ChannelCall } from '../../ports/channel.ts'
import type { PostedFile, TransferState } from '../../ports/records.ts'
import type {
  OutgoingFile,
  OutgoingThumbnail,
  TelegramGateway,
  TransferJournal,
  Verification,
} from '../../ports/telegram.ts'

/** What is kept of the post of a manifest, so that it is made once. */
export interface KeptTransfer {
  load: () => Promise<TransferState | null>
  /** Resolves when the state survives the death of the process. */
  save: (state: TransferState | null) => Promise<void>
}

export interface NewManifest {
  manifest: Manifest
  /** The folder in which the file lies; null: the root. */
  folderId: string | null
  /** The small picture of the file, which the message of its manifest has. */
  thumbnail?: OutgoingThumbnail
  kept: KeptTransfer
}

/**
 * Posts the manifest of volumes that are in the channel already. Rejects as `TelegramGateway.finish`
 * does; another try with what was kept goes on where this one ended.
 */
export async function postManifest(
  gateway: Pick<TelegramGateway, 'finish' | 'postSmall'>,
  { credentials, signal, onWait }: ChannelCall,
  { manifest, folderId, thumbnail = NO_THUMBNAIL, kept }: NewManifest,
): Promise<PostedFile> {
  const { finish, postSmall = finish } = gateway
  return postSmall({
    credentials,
    file: createManifestFile(manifest),
    caption: async () => manifestCaption({ ...manifest, folderId }, manifest),
    captionId: manifest.id,
    kind: 'manifest',
    exactlyOnce: true,
    journal: createJournal(kept),
    verification: NOT_READ_BACK,
    thumbnail,
    signal,
    onEvent: (event) => {
      if (event.phase === 'waiting') onWait?.(event.retryAfter)
    },
  })
}

const NO_THUMBNAIL: OutgoingThumbnail = { load: async () => null, refused: () => {} }
/** A manifest that was damaged is none to any reader. */
const NOT_READ_BACK: Verification = { blocks: () => [], damaged: () => {}, unread: () => {} }

function createManifestFile(manifest: Manifest): OutgoingFile {
  const bytes = encodeManifest(manifest)
  return {
    // No upload has this id, and no two of them are told apart by it.
    uploadId: 'manifest',
    name: manifestName(manifest.name),
    mimeType: MANIFEST_MIME_TYPE,
    size: bytes.length,
    sealed: true,
    has: () => true,
    read: async (offset, target) => target.set(bytes.subarray(offset, offset + target.length)),
  }
}

/** The parts of a manifest are few: those that were sent before a restart are sent again. */
function createJournal({ load, save }: KeptTransfer): TransferJournal {
  const parts = new Set<number>()
  return {
    load,
    save,
    hasPart: (part) => parts.has(part),
    addPart: (part) => void parts.add(part),
    removePart: (part) => void parts.delete(part),
    reset: async () => {
      parts.clear()
      await save(null)
    },
  }
}
