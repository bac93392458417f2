export interface ClientOptions {
  /** Where the worker is, such as `https://worker.example`; empty on the worker's own page. */
  readonly url: string
  /** The login token, or a function that is asked for it before every request. */
  readonly token: string | (() => string | Promise<string>)
  readonly fetch?: typeof globalThis.fetch | undefined
}

/** What every call takes. */
export interface CallOptions {
  readonly signal?: AbortSignal | undefined
}

/** What is wanted as one ZIP file, or shared: up to 500 files by their messages, or a folder with all below it. */
export type ArchiveContent = { readonly items: readonly number[] } | { readonly folder: string }
