import { type Condition, createCondition } from '../../lib/waiting/condition.ts'
import type { ProgressBoard } from '../progress/progress-board.ts'

/** How far one upload that goes as volumes is in Telegram. */
export interface UploadWindow {
  /** Where the volumes end that are posted, from the first on without a gap, and whose chunks are freed. */
  readonly posted: number
  /** The upload takes no more chunks: it has ended, or is gone. */
  readonly isOver: boolean
  /** Waits for a change of what this window says of itself. */
  until: Condition['until']
}

/** The windows of uploads that go as volumes, for as long as they last. */
export interface VolumeWindows {
  /** The same for all callers. Rejects as the ledger does. */
  of: (uploadId: string) => Promise<UploadWindow>
  /** The volumes up to there are posted, and the files of their chunks are gone. */
  moved: (uploadId: string, posted: number) => void
  /** Reads in the rows how far the upload is, for where nobody tells. Does not reject. */
  reread: (uploadId: string) => Promise<void>
}

export interface VolumeWindowsOptions {
  /** Where the posted volumes of an upload end; null: the upload does not receive any more. */
  postedBytes: (uploadId: string) => Promise<number | null>
  progress: Pick<ProgressBoard, 'subscribe'>
}

interface Window extends UploadWindow {
  posted: number
  isOver: boolean
  changed: () => void
  end: () => void
  loaded: Promise<void>
}

export function createVolumeWindows(options: VolumeWindowsOptions): VolumeWindows {
  const { postedBytes, progress } = options
  const windows = new Map<string, Window>()

  function open(uploadId: string): Window {
    const { until, changed } = createCondition()
    const end = (): void => {
      unsubscribe()
      windows.delete(uploadId)
      window.isOver = true
      changed()
    }
    // Heard of before the look, so that an upload that ends meanwhile is not kept.
    const unsubscribe = progress.subscribe({ uploadId }, (state) => {
      if (state?.status !== 'uploading') end()
    })
    async function load(): Promise<void> {
      const posted = await postedBytes(uploadId).catch((error: unknown) => {
        end()
        throw error
      })
      // A volume may have been posted meanwhile.
      if (posted === null) end()
      else window.posted = Math.max(window.posted, posted)
    }
    const is = { posted: 0, isOver: false, loaded: Promise.resolve() }
    const window: Window = { ...is, until, changed, end }
    windows.set(uploadId, window)
    window.loaded = load()
    return window
  }

  function moved(uploadId: string, posted: number): void {
    const window = windows.get(uploadId)
    if (!window) return
    window.posted = Math.max(window.posted, posted)
    window.changed()
  }

  return {
    of: async (uploadId) => {
      const window = windows.get(uploadId) ?? open(uploadId)
      await window.loaded
      return window
    },
    moved,
    reread: async (uploadId) => {
      const window = windows.get(uploadId)
      if (!window) return
      // What cannot be read now stays as it was.
      const posted = await postedBytes(uploadId).catch(() => window.posted)
      if (posted === null) window.end()
      else moved(uploadId, posted)
    },
  }
}
