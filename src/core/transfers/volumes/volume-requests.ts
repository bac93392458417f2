import type { VerifyMode } from '../../model/verification.ts'
import { manifestCaption, volumeCaption } from '../../model/volumes/captions.ts'
import { encodeManifest, MANIFEST_MIME_TYPE } from '../../model/volumes/manifest.ts'
import { manifestName, volumeName } from '../../model/volumes/names.ts'
import { countVolumes, type Volume } from '../../model/volumes/plan.ts'
import type { Credentials } from '../../ports/credentials.ts'
import type { Log } from '../../ports/log.ts'
import type { Digests, Upload } from '../../ports/records.ts'
import type {
  OutgoingFile,
  OutgoingThumbnail,
  PostRule,
  TransferRequest,
} from '../../ports/telegram.ts'
import type { PostedVolume } from '../../ports/volumes.ts'
import type { JournalLedger } from '../transfer-journal.ts'
import { createVerification } from '../verification.ts'
import type { VolumesDigests } from './volume-digests.ts'

/** A volume that is there twice would take the place of a file for nothing. */
export const VOLUME_RULE: PostRule = { exactlyOnce: true }

const NO_THUMBNAIL: OutgoingThumbnail = { load: async () => null, refused: () => {} }

/** What a post of an upload needs beside its document. */
export interface PostContext extends Pick<TransferRequest, 'journal' | 'signal' | 'onEvent'> {
  upload: Upload
  verify: VerifyMode
  log: Log
}

/** Makes the request of one post, with what is known just before it. */
export type RequestWith = (granted: Credentials, folderId: string | null) => TransferRequest

/** The transfer of one volume, for a journal. */
export function volumeTransfers(ledger: JournalLedger, number: number): JournalLedger {
  return {
    transfer: (id) => ledger.transfer(id, number),
    saveTransfer: (id, state) => ledger.saveTransfer(id, state, number),
    deleteTransfer: (id) => ledger.deleteTransfer(id, number),
    acknowledgedParts: (id) => ledger.acknowledgedParts(id, number),
    saveAcknowledgedParts: (id, bitmap) => ledger.saveAcknowledgedParts(id, bitmap, number),
  }
}

/** To the gateway a volume is a file like any other. */
export function volumeRequests(
  context: PostContext & { file: Pick<OutgoingFile, 'has'>; digests: VolumesDigests },
  { number, start, length }: Volume,
): RequestWith {
  const { upload, journal, signal, onEvent, digests, file: whole } = context
  const { id: uploadId, captionId, fileName, size, volumeBytes } = upload
  const of = countVolumes({ size, volumeBytes: volumeBytes ?? size })
  const has: OutgoingFile['has'] = (offset, bytes) => whole.has(start + offset, bytes)
  const file: OutgoingFile = {
    uploadId,
    name: volumeName(fileName, number, of),
    mimeType: 'application/octet-stream',
    size: length,
    get sealed() {
      return has(0, length)
    },
    has,
    read: (offset, target) => digests.read(start + offset, target),
  }
  const verification = createVerification(file, context.verify, context.log)
  return (credentials, folderId) => ({
    ...VOLUME_RULE,
    credentials,
    file,
    caption: async () => {
      const { crc32, wholeSha256 } = await digests.of(number)
      return volumeCaption(describe(upload, folderId), { number, of, crc32, wholeSha256 })
    },
    captionId,
    kind: { volume: number, of },
    journal,
    verification,
    thumbnail: NO_THUMBNAIL,
    signal,
    onEvent,
  })
}

/** The manifest is the commit record of the file: the same bytes at every try. */
export function manifestRequests(
  { upload, journal, verify, log, signal, onEvent }: PostContext,
  manifest: {
    volumes: readonly PostedVolume[]
    digests: Digests
    thumbnail: OutgoingThumbnail
  },
): { bytes: number; requestWith: RequestWith } {
  const { volumes, digests, thumbnail } = manifest
  const { id: uploadId, captionId, fileName, mimeType, size, modifiedAt } = upload
  const described = { id: captionId, name: fileName, mimeType, size, modifiedAt }
  const bytes = encodeManifest({ ...described, ...digests, volumes })
  const file: OutgoingFile = {
    uploadId,
    name: manifestName(fileName),
    mimeType: MANIFEST_MIME_TYPE,
    size: bytes.length,
    sealed: true,
    has: () => true,
    read: async (offset, target) => target.set(bytes.subarray(offset, offset + target.length)),
  }
  const verification = createVerification(file, verify, log)
  const requestWith: RequestWith = (credentials, folderId) => ({
    ...VOLUME_RULE,
    credentials,
    file,
    caption: async () => manifestCaption(describe(upload, folderId), digests),
    captionId,
    kind: 'manifest',
    journal,
    verification,
    thumbnail,
    signal,
    onEvent,
  })
  return { bytes: bytes.length, requestWith }
}

function describe({ captionId, fileName, modifiedAt }: Upload, folderId: string | null) {
  return { id: captionId, name: fileName, folderId, modifiedAt }
}
