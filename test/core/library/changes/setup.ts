import { vi } from 'vitest'
import { createPostEditing } from '../../../../src/core/library/changes/edit-posts.ts'
import {
  createLargeFiles,
  type ReadManifest,
} from '../../../../src/core/library/changes/large-files.ts'
import { createLibraryChanging } from '../../../../src/core/library/changes/library-changes.ts'
import { createLibraryJobs } from '../../../../src/core/library/changes/library-jobs.ts'
import { createFolderMaking } from '../../../../src/core/library/changes/make-folders.ts'
import { createPostRemoval } from '../../../../src/core/library/changes/remove-posts.ts'
import { createManifestRestoration } from '../../../../src/core/library/changes/restore-manifests.ts'
import { rowsOf } from '../../../../src/core/library/follow/plan.ts'
import { encodeCaption, newCaptionId } from '../../../../src/core/model/caption.ts'
import { manifestCaption, volumeCaption } from '../../../../src/core/model/volumes/captions.ts'
import { type Manifest, parseManifest } from '../../../../src/core/model/volumes/manifest.ts'
import type { Catalogue } from '../../../../src/core/ports/catalogue.ts'
import type { Credentials } from '../../../../src/core/ports/credentials.ts'
import type { TelegramGateway } from '../../../../src/core/ports/telegram.ts'
import { createProgressBoard, type Progress } from '../../../../src/core/progress/progress-board.ts'
import { createJobQueue } from '../../../../src/core/runtime/job-queue.ts'
import { createWorkGate } from '../../../../src/core/runtime/work-gate.ts'
import { createKeyedLock } from '../../../../src/lib/concurrency/keyed-lock.ts'
import { createFakeChannel, type FakeChannel } from '../../../helpers/peers/fake-channel.ts'
import { documentFileIdOf } from '../../../helpers/peers/fake-gateway.ts'
import { createRecordingLog } from '../../../helpers/recording-log.ts'
import { TRANSFER } from '../../../helpers/storage/ledger-contract/fixtures.ts'
import { createMemoryLedger } from '../../../helpers/storage/memory-ledger.ts'

export const KEY = { owner: 'ann', channelId: '-1001' }
export const ANN: Credentials = {
  ...{ userId: 'ann', botToken: 'b', channelId: '-1001', session: 's', apiId: 1, apiHash: 'h' },
}
const NOW = 1_762_700_000_000

/** All that changes a library, on a channel and a ledger in memory. */
export function startChanges({ namesInCaptions = true } = {}) {
  const channel = createFakeChannel()
  const ledger = createMemoryLedger()
  const log = createRecordingLog()
  const board = createProgressBoard(() => NOW)
  const granted = { ...ANN }
  const credentials = {
    forUpload: vi.fn(async () => granted),
    forRunningUpload: vi.fn(async () => granted),
  }
  const workGate = createWorkGate()
  const telegram = { beforeFinish: async () => {} }
  /** What the documents of messages hold. */
  const manifests = new Map<number, Manifest>()
  const gateway: Pick<TelegramGateway, 'finish' | 'locate' | 'readThumbnail'> = {
    locate: async () => {
      throw new Error('no file here has a picture')
    },
    readThumbnail: async () => null,
    finish: async ({ file, caption, journal }) => {
      const bytes = new Uint8Array(file.size)
      await file.read(0, bytes)
      await journal.save({ ...TRANSFER, postAttempts: 1 })
      await telegram.beforeFinish()
      const messageId = channel.add(await caption(), { fileName: file.name, size: file.size })
      const manifest = parseManifest(bytes)
      if (manifest) manifests.set(messageId, manifest)
      return { messageId, fileId: documentFileIdOf(messageId) }
    },
  }

  /** As after a restart: nothing is remembered but what the ledger has. */
  function newProcess() {
    const onError = (_key: string, error: unknown): never => {
      throw error
    }
    const queue = createJobQueue({ concurrency: 2, onError })
    const shared = {
      ...{ channel, catalogue: ledger, records: ledger, credentials, workGate, log },
      ...{ locks: createKeyedLock(), progress: board, attempts: 3, now: () => NOW },
    }
    const makeFolders = createFolderMaking(shared)
    const posts = createPostEditing({ ...shared, namesInCaptions })
    const readManifest: ReadManifest = async (_call, { messageId }) => {
      return manifests.get(messageId) ?? null
    }
    const largeFiles = createLargeFiles({ ...shared, ledger, gateway, readManifest })
    const removePosts = createPostRemoval({ ...shared, largeFiles })
    const jobs = createLibraryJobs({
      ...{ ...shared, posts, makeFolders, removePosts, largeFiles, readManifest, queue },
    })
    const changing = createLibraryChanging({ ...shared, posts, makeFolders, jobs })
    const restoreManifests = createManifestRestoration({ ...shared, gateway, queue })
    return { queue, jobs, changing, makeFolders, restoreManifests }
  }

  const token = 'token'
  const call = { credentials: granted, signal: new AbortController().signal }
  return {
    ...newProcess(),
    ...{ channel, ledger, log, board, granted, credentials, workGate, newProcess, token, call },
    /** The progress that listeners heard last of each job. */
    heard: hear(board),
    /** Posts a file as the worker does; its message. */
    addFile: (name: string, folderId: string | null = null): number => {
      const unknown = { modifiedAt: null, sha256: null, crc32: null }
      const line = { id: newCaptionId(), kind: 'file', folderId, name, ...unknown } as const
      return channel.add(encodeCaption(line), { fileName: name, size: 10 })
    },
    ...{ manifests, telegram },
    /** Posts a file of three volumes; the messages of its volumes and of its manifest. */
    addLargeFile: (id: string, name = 'film.mp4'): number[] => {
      const described = { id, name, folderId: null, modifiedAt: null }
      const crc32 = '00000001'
      const volumes = [1, 2, 3].map((number) => {
        const wholeSha256 = number === 3 ? 'd'.repeat(64) : null
        const text = volumeCaption(described, { number, of: 3, crc32, wholeSha256 })
        const messageId = channel.add(text, { fileName: `${name}.00${number}`, size: 100 })
        return { messageId, documentId: null, size: 100, crc32, fileId: null }
      })
      const digests = { sha256: 'd'.repeat(64), crc32 }
      const text = manifestCaption(described, digests)
      const messageId = channel.add(text, { fileName: `${name}.telestore.json`, size: 50 })
      manifests.set(messageId, {
        ...{ id, name, mimeType: 'video/mp4', size: 300, modifiedAt: null, ...digests, volumes },
      })
      return [...volumes.map((volume) => volume.messageId), messageId]
    },
    /** The rows become what the channel holds. */
    look: () => look(channel, ledger),
  }
}

function hear(board: ReturnType<typeof createProgressBoard>): Map<string, Progress> {
  const heard = new Map<string, Progress>()
  board.subscribe({ owner: 'ann' }, (progress, id) => {
    if (progress) heard.set(id, progress)
  })
  return heard
}

async function look(channel: FakeChannel, catalogue: Catalogue): Promise<void> {
  const { others: _, ...rows } = rowsOf(channel.list())
  await catalogue.applyToLibrary(KEY, { ...rows, complete: { from: 1, to: 1_000_000 } })
}
