import { vi } from 'vitest'
import { createPostEditing } from '../../../../src/core/library/changes/edit-posts.ts'
import { createLibraryChanging } from '../../../../src/core/library/changes/library-changes.ts'
import { createLibraryJobs } from '../../../../src/core/library/changes/library-jobs.ts'
import { createFolderMaking } from '../../../../src/core/library/changes/make-folders.ts'
import { encodeCaption, newCaptionId } from '../../../../src/core/model/caption.ts'
import { fileOfPost, folderOfPost } from '../../../../src/core/model/library/posts.ts'
import type { Catalogue } from '../../../../src/core/ports/catalogue.ts'
import type { Credentials } from '../../../../src/core/ports/credentials.ts'
import { createProgressBoard, type Progress } from '../../../../src/core/progress/progress-board.ts'
import { createJobQueue } from '../../../../src/core/runtime/job-queue.ts'
import { createWorkGate } from '../../../../src/core/runtime/work-gate.ts'
import { createKeyedLock } from '../../../../src/lib/concurrency/keyed-lock.ts'
import { createFakeChannel, type FakeChannel } from '../../../helpers/peers/fake-channel.ts'
import { createRecordingLog } from '../../../helpers/recording-log.ts'
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
    const jobs = createLibraryJobs({ ...shared, posts, makeFolders, queue })
    const changing = createLibraryChanging({ ...shared, posts, makeFolders, jobs })
    return { queue, jobs, changing, makeFolders }
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
  const messages = channel.list()
  await catalogue.applyToLibrary(KEY, {
    files: messages.flatMap(({ document, text, ...times }) =>
      document
        ? fileOfPost({
            ...{ ...times, caption: text, documentId: document.id, size: document.size },
            documentName: document.fileName,
            mimeType: document.mimeType ?? 'application/octet-stream',
            hasThumbnail: document.thumbnail,
          })
        : [],
    ),
    folders: messages.flatMap((message) => (message.document ? [] : (folderOfPost(message) ?? []))),
    complete: { from: 1, to: 1_000_000 },
  })
}
