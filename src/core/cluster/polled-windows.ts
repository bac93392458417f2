import type { UploadWindow, VolumeWindows } from '../uploads/volume-windows.ts'

/** How often a window is read again while somebody waits for it, in milliseconds. */
const WAITED_MS = 1_000
/** The same while nobody does: one whose upload has ended is forgotten then. */
const KEPT_MS = 60_000

interface Polled {
  readonly window: UploadWindow
  readonly view: UploadWindow
  readAt: number
  waiting: number
}

/**
 * Windows whose volumes may be posted by another node, which tells nobody: they are read again while
 * requests wait for them.
 */
export function createPolledWindows(windows: VolumeWindows): VolumeWindows {
  const known = new Map<string, Polled>()
  let timer: NodeJS.Timeout | null = null

  function open(uploadId: string, window: UploadWindow): Polled {
    const view: UploadWindow = {
      get posted() {
        return window.posted
      },
      get isOver() {
        return window.isOver
      },
      until: async (holds, options) => {
        polled.waiting++
        try {
          return await window.until(holds, options)
        } finally {
          polled.waiting--
        }
      },
    }
    const polled: Polled = { window, view, readAt: performance.now(), waiting: 0 }
    known.set(uploadId, polled)
    timer ??= setInterval(look, WAITED_MS).unref()
    return polled
  }

  function look(): void {
    for (const [uploadId, { window, readAt, waiting }] of known) {
      if (window.isOver) known.delete(uploadId)
      else if (waiting > 0 || performance.now() - readAt > KEPT_MS) void reread(uploadId)
    }
    if (known.size > 0 || timer === null) return
    clearInterval(timer)
    timer = null
  }

  async function reread(uploadId: string): Promise<void> {
    const polled = known.get(uploadId)
    if (polled) polled.readAt = performance.now()
    await windows.reread(uploadId)
  }

  return {
    of: async (uploadId) => {
      const window = await windows.of(uploadId)
      const before = known.get(uploadId)
      const polled = before?.window === window ? before : open(uploadId, window)
      if (performance.now() - polled.readAt >= WAITED_MS) await reread(uploadId)
      return polled.view
    },
    moved: windows.moved,
    reread,
  }
}
