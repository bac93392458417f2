import type { Store } from '../state/store.ts'
import { isLeaving, type UploadFile } from './upload-file.ts'

/**
 * Keeps the screen on while bytes leave this browser: a phone that sleeps stops sending. Without
 * HTTPS, or with little battery, the browser refuses, and nothing is different. Ends with the
 * returned function.
 */
export function keepAwake(files: Store<readonly UploadFile[]>): () => void {
  const stop = new AbortController()
  let lock: WakeLockSentinel | null = null
  let isAsking = false

  async function follow(): Promise<void> {
    const wanted =
      !stop.signal.aborted && files.value.some((file) => isLeaving(file) && !file.isPaused)
    if (!wanted) {
      await lock?.release()
      lock = null
      return
    }
    // The browser takes it back whenever the page is out of sight.
    const hasIt = lock !== null && !lock.released
    if (hasIt || isAsking || document.visibilityState !== 'visible' || !navigator.wakeLock) return
    isAsking = true
    try {
      lock = await navigator.wakeLock.request('screen')
    } finally {
      isAsking = false
    }
  }

  const look = (): void => void follow().catch(() => {})
  const unfollow = files.subscribe(look)
  document.addEventListener('visibilitychange', look, { signal: stop.signal })
  return () => {
    stop.abort()
    unfollow()
    look()
  }
}
