import type { Road } from './records.ts'
import type { CountedDownload } from './shares.ts'

/** Answers about what the worker does, for people and for Prometheus. Holds no secret and no id. */
export interface Metrics {
  /** Plain numbers; `active_sessions` and `uptime_seconds` are what older dashboards read. */
  json: () => Promise<Record<string, unknown>>
  /** The Prometheus text format, version 0.0.4, which every scraper of OpenMetrics reads too. */
  text: () => Promise<{ contentType: string; body: string }>
  /** One answer of the HTTP server. `route` is the pattern, never the address. */
  answered: (answer: HttpAnswer) => void
  /** One body of a download has ended. */
  downloaded: (download: EndedDownload) => void
  /** One body of an archive has ended. */
  archived: (archive: Omit<EndedDownload, 'road'>) => void
}

export interface HttpAnswer {
  route: string
  method: string
  status: number
  seconds: number
}

export interface EndedDownload {
  outcome: DownloadOutcome
  road: Road
  /** Of its body. */
  bytes: number
}

/** `left`: the reader went away, or took a part and asked for another. */
export type DownloadOutcome = 'completed' | 'left' | 'broken'

/** What core reports of looks at channels, to be counted. Calls do not throw. */
export interface FollowMetrics {
  /** So many messages of a channel were read. */
  read: (messages: number) => void
  /** A look has ended. */
  looked: (outcome: LookOutcome) => void
}

/**
 * | outcome | means |
 * |---|---|
 * | `current` | the library was as the channel is |
 * | `changed` | it was not, and is now |
 * | `rescanned` | the whole channel has been read |
 * | `failed` | Telegram could not be asked, and the next look goes on |
 */
export type LookOutcome = 'current' | 'changed' | 'rescanned' | 'failed'

/** What is reported of shares, to be counted. Calls do not throw. */
export interface ShareMetrics {
  /** The first byte of a file was asked for. */
  downloaded: (outcome: CountedDownload) => void
  /** A password was given. `throttled`: too many were, and it was not looked at. */
  guessed: (outcome: 'right' | 'wrong' | 'throttled') => void
}

/** What core reports of uploads, to be counted. Calls do not throw. */
export interface UploadMetrics {
  /** A chunk of so many bytes was acknowledged. */
  received: (bytes: number) => void
  /** An unfinished upload has ended. Called once for each. */
  ended: (upload: EndedUpload) => void
}

export interface EndedUpload {
  uploadId: string
  outcome: UploadOutcome
  /** Of a completed one: from the moment all its bytes were here to the file in Telegram. */
  seconds?: number
}

/**
 * | outcome | means |
 * |---|---|
 * | `completed` | the file is in Telegram |
 * | `failed` | its job has failed for good |
 * | `cancelled` | its owner has cancelled it |
 * | `expired` | its client has not come back in time |
 * | `abandoned` | its first request failed, or its client left before it could learn the id |
 */
export type UploadOutcome = 'completed' | 'failed' | 'cancelled' | 'expired' | 'abandoned'
