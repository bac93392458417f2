import type { Store } from '../state/store.ts'
import { isLeaving, type UploadFile } from './upload-file.ts'

/**
 * Keeps the screen on while bytes leave this browser, because a phone that sleeps stops sending.
 * Without HTTPS, or with little battery, the browser refuses the lock. The returned function ends it.
 */
export function holdWakeLock(files: Store<readonly UploadFile[]>): () => void {
  const stop = new AbortController()
  let lock: WakeLockSentinel | null = null
  let isRequesting = false

  async function updateLock(): Promise<void> {
    const wanted =
      !stop.signal.aborted && files.value.some((file) => isLeaving(file) && !file.isPaused)
    if (!wanted) {
      await lock?.release()
      lock = null
      return
    }
    // The browser releases the lock whenever the page is hidden.
    const isHeld = lock !== null && !lock.released
    if (isHeld || isRequesting || document.visibilityState !== 'visible' || !navigator.wakeLock)
      return
    isRequesting = true
    try {
      lock = await navigator.wakeLock.request('screen')
    } finally {
      isRequesting = false
    }
  }

  const update = (): void => void updateLock().catch(() => {})
  const unfollow = files.subscribe(update)
  document.addEventListener('visibilitychange', update, { signal: stop.signal })
  return () => {
    stop.abort()
    unfollow()
    update()
  }
}
