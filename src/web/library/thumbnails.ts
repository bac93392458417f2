/** Pictures of files, as addresses that an `<img>` takes. */
export interface Thumbnails {
  /**
   * Calls `onUrl` when the picture is here: at once where it is known, never where there is none.
   * Returns a function that gives the picture up; a request that nothing waits for is aborted.
   */
  show: (messageId: number, onUrl: (url: string) => void) => () => void
  /** Aborts all requests, and revokes all addresses. */
  close: () => void
}

export interface ThumbnailsOptions {
  load: (messageId: number, signal: AbortSignal) => Promise<Blob | null>
  toUrl: (picture: Blob) => string
  revoke: (url: string) => void
  /** Requests at the same time. */
  atOnce?: number
  /** Pictures that are kept; more only while more are in sight. */
  most?: number
}

interface Picture {
  readonly viewers: Set<(url: string) => void>
  readonly stop: AbortController
  state: 'waiting' | 'loading' | 'known'
  /** Null: not known yet, or there is none. */
  url: string | null
}

export function createThumbnails(options: ThumbnailsOptions): Thumbnails {
  const { load, toUrl, revoke, atOnce = 4, most = 300 } = options
  /** The one that was wanted last is the last one. */
  const pictures = new Map<number, Picture>()
  let loading = 0

  function loadMore(): void {
    for (const [messageId, picture] of pictures) {
      if (loading >= atOnce) return
      if (picture.state === 'waiting') void read(messageId, picture)
    }
  }

  async function read(messageId: number, picture: Picture): Promise<void> {
    picture.state = 'loading'
    loading += 1
    const { signal } = picture.stop
    try {
      const blob = await load(messageId, signal)
      if (signal.aborted) return
      picture.state = 'known'
      picture.url = blob && toUrl(blob)
      if (picture.url !== null) for (const onUrl of picture.viewers) onUrl(picture.url)
      forgetSome()
    } catch {
      // The icon stays. The picture is asked for again when the file is next in sight.
      if (pictures.get(messageId) === picture) pictures.delete(messageId)
    } finally {
      loading -= 1
      loadMore()
    }
  }

  function drop(messageId: number, picture: Picture): void {
    pictures.delete(messageId)
    picture.stop.abort()
    if (picture.url !== null) revoke(picture.url)
  }

  /** Forgets those that were shown longest ago; what is in sight stays. */
  function forgetSome(): void {
    for (const [messageId, picture] of pictures) {
      if (pictures.size <= most) return
      if (picture.state === 'known' && picture.viewers.size === 0) drop(messageId, picture)
    }
  }

  return {
    show: (messageId, onUrl) => {
      const picture: Picture = pictures.get(messageId) ?? {
        viewers: new Set(),
        stop: new AbortController(),
        state: 'waiting',
        url: null,
      }
      pictures.delete(messageId)
      pictures.set(messageId, picture)
      picture.viewers.add(onUrl)
      if (picture.url !== null) onUrl(picture.url)
      loadMore()
      return () => {
        picture.viewers.delete(onUrl)
        if (picture.viewers.size > 0) return
        if (picture.state === 'known') forgetSome()
        else if (pictures.get(messageId) === picture) drop(messageId, picture)
      }
    },
    close: () => {
      for (const [messageId, picture] of [...pictures]) drop(messageId, picture)
    },
  }
}
