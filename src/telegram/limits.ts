import { KiB, MiB } from '../lib/units.ts'

/** Part size on every MTProto upload: the largest that Telegram takes (core.telegram.org/api/files). */
export const PART_BYTES = 512 * KiB

/** Files above this size go by `upload.saveBigFilePart`, all others by `upload.saveFilePart`. */
export const SMALL_FILE_BYTES = 10 * MiB

/** Parts per file, until `help.getAppConfig` says otherwise. */
export const DEFAULT_MAX_PARTS = 4000

/** The largest file `sendDocument` takes at api.telegram.org. */
export const BOT_API_FILE_BYTES = 50 * MiB

/** The largest file `getFile` finds there. */
export const BOT_API_READABLE_BYTES = 20 * MiB

/** The largest file `sendDocument` takes at a Bot API server that runs with `--local`. */
export const LOCAL_BOT_API_FILE_BYTES = 2000 * MiB

/** No `upload.getFile` may cross a multiple of this, nor ask for more. */
export const BLOCK_BYTES = MiB
/** More than a thumbnail has (core.telegram.org/bots/api#senddocument: 200 KB), in one request. */
export const THUMBNAIL_BYTES = 256 * KiB
