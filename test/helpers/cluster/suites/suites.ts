/**
 * The suites that know a worker by HTTP alone, for `npm run test:cluster:http`: there each worker is
 * three nodes behind a load balancer. Every suite of test/http and test/e2e is in one of the two lists
 * (test/cluster/suites.test.ts).
 */
export const BY_HTTP = [
  'test/http/cancel.test.ts',
  'test/http/downloads/downloads.test.ts',
  'test/http/folders.test.ts',
  'test/http/jobs.test.ts',
  'test/http/library-changes.test.ts',
  'test/http/library.test.ts',
  'test/http/progress.test.ts',
  'test/http/shares/owner.test.ts',
  'test/http/shares/visitor.test.ts',
  'test/http/sockets.test.ts',
  'test/http/thumbnail-uploads.test.ts',
  'test/http/thumbnails.test.ts',
  'test/http/tickets.test.ts',
  'test/http/tus/client.test.ts',
  'test/http/tus/join.test.ts',
  'test/http/tus/protocol.test.ts',
  'test/http/uploads.test.ts',
  'test/e2e/archives/client-archives.test.ts',
  'test/e2e/archives/download-tree.test.ts',
  'test/e2e/archives/get-archive.test.ts',
  'test/e2e/bot-download.test.ts',
  'test/e2e/cli/change.test.ts',
  'test/e2e/cli/download.test.ts',
  'test/e2e/cli/upload-folder.test.ts',
  'test/e2e/cli/upload.test.ts',
  'test/e2e/files.test.ts',
  'test/e2e/library/changes.test.ts',
  'test/e2e/library/library.test.ts',
  'test/e2e/shares.test.ts',
  'test/e2e/volumes/files.test.ts',
  'test/e2e/volumes/library.test.ts',
  'test/e2e/volumes/reading.test.ts',
] as const

const ON_DISK =
  'it looks at the chunk files of one worker; the contract suites hold the spools to the same'
const NO_WORKER = 'it starts no whole worker'
const ONE_REQUEST =
  'what one node answers to one request, without a look at anything that nodes share'
const PER_NODE = 'it counts what each node counts for itself'
const DEATHS =
  'it kills or restarts the only process; test/cluster and chaos:cluster do that to nodes'
const RAW = 'it speaks to the socket of the worker itself: HAProxy would answer in its place'

/** The others, and why. */
export const OTHERS: Readonly<Record<string, string>> = {
  'test/http/answers/accept.test.ts': NO_WORKER,
  'test/http/answers/documentation.test.ts': ONE_REQUEST,
  'test/http/answers/error-page.test.ts': ONE_REQUEST,
  'test/http/answers/static-files.test.ts': ONE_REQUEST,
  'test/http/bodies/bodyless.test.ts': RAW,
  'test/http/bodies/chunk-digest.test.ts': ONE_REQUEST,
  'test/http/bodies/file-types.test.ts': ONE_REQUEST,
  'test/http/bodies/form/part-head.test.ts': NO_WORKER,
  'test/http/bodies/form/parts.test.ts': NO_WORKER,
  'test/http/bodies/forms.test.ts': ONE_REQUEST,
  'test/http/bodies/modified-at.test.ts': ONE_REQUEST,
  'test/http/connections/connection-draining.test.ts': NO_WORKER,
  'test/http/connections/pipelining.test.ts': RAW,
  'test/http/connections/transfer-rate.test.ts': NO_WORKER,
  'test/http/delayed-ledger.test.ts':
    'it delays the calls of one ledger; test/cluster has a real network between',
  'test/http/downloads/download-slots.test.ts': NO_WORKER,
  'test/http/downloads/fair-order.test.ts': NO_WORKER,
  'test/http/guards/callers.test.ts': ONE_REQUEST,
  'test/http/guards/cors.test.ts': ONE_REQUEST,
  'test/http/guards/every-route.test.ts': ONE_REQUEST,
  'test/http/guards/limits.test.ts': PER_NODE,
  'test/http/guards/pressure.test.ts': PER_NODE,
  'test/http/guards/request-quota.test.ts': NO_WORKER,
  'test/http/guards/reservations.test.ts': ON_DISK,
  'test/http/guards/security-headers.test.ts': ONE_REQUEST,
  'test/http/guards/throttle.test.ts': PER_NODE,
  'test/http/guards/unclaimed-budget.test.ts': PER_NODE,
  'test/http/metrics.test.ts': PER_NODE,
  'test/http/public-address.test.ts': 'nodes of a cluster do not hand over to each other',
  'test/http/service.test.ts': ONE_REQUEST,
  'test/http/shares/guess-limit.test.ts': PER_NODE,
  'test/http/tus/restart.test.ts': DEATHS,
  'test/e2e/connections/connections.test.ts': NO_WORKER,
  'test/e2e/telegram/accounts.test.ts': NO_WORKER,
  'test/e2e/telegram/bot-api-emulator.test.ts': NO_WORKER,
  'test/e2e/telegram/bot-api-road.test.ts': NO_WORKER,
  'test/e2e/telegram/download.test.ts': NO_WORKER,
  'test/e2e/telegram/verify.test.ts': NO_WORKER,
  'test/e2e/turns.test.ts':
    'it wants an exact order, and a node hears up to 200 ms later of what came to another one',
  'test/e2e/archives/long-archives.test.ts': 'it measures the memory of one process',
  'test/e2e/library/crash.test.ts': DEATHS,
  'test/e2e/peer-failures.test.ts': DEATHS,
  'test/e2e/restart.test.ts': DEATHS,
  'test/e2e/terminal.test.ts': NO_WORKER,
  'test/e2e/tus.test.ts': DEATHS,
  'test/e2e/upload-memory.test.ts': 'it measures the memory of one process',
  'test/e2e/verify.test.ts': NO_WORKER,
  'test/e2e/volumes/crash.test.ts': DEATHS,
  'test/e2e/volumes/window.test.ts': ON_DISK,
}

/** Single tests of the suites above that many nodes cannot pass, and why. */
export const NOT_BY_NODES: Readonly<Record<string, string>> = {
  'a small file that the disk refuses keeps no reservation': ON_DISK,
  'that came before the connection broke are kept': RAW,
  'the tickets that one token issues in a minute are limited': PER_NODE,
  'a range that was read before is not fetched again': PER_NODE,
  'twenty overlapping ranges at once fetch each unit once': PER_NODE,
  'a bot without a user account reads its file back, whole and by ranges': PER_NODE,
  'a file that is deleted under way breaks the archive, and the next request names it': PER_NODE,
  'a file that is replaced under way breaks the archive, and the next request names it': PER_NODE,
  'of guesses at the same time ten are looked at, and a right one beyond them is none': PER_NODE,
  'what a look has found is told over the socket and counted': PER_NODE,
  'a large file is one file to every reader: whole, by ranges, with conditions': PER_NODE,
  'a bot alone reads a large file by the file ids that its manifest has': PER_NODE,
  'a download that finds no slot and a full queue is told when to try again': PER_NODE,
  'the number of sockets is limited, also while tokens are checked, until one closes': PER_NODE,
  'one address opens no more sockets than its share': PER_NODE,
  'an address begins 60 archives of shares a minute, and goes on with them': PER_NODE,
  'calls of one token have a rate': PER_NODE,
  'a place in a file that was read before takes one call, and one over a border two': PER_NODE,
  'a thumbnail is read from Telegram once, for all who ask at once and later': PER_NODE,
  'a reader that leaves ends nothing for those who wait for the same thumbnail': PER_NODE,
  'an archive of a share goes on with what is still shared alone':
    'its documents have no ids, without which only the node that has sent them knows their CRC-32',
}
