export type TusLibrary = typeof import('@tus/server')

/** Loaded by the first call that needs it: it takes 20 MB, and most workers never see a tus client. */
export function loadLibrary(): Promise<TusLibrary> {
  return import('@tus/server')
}
