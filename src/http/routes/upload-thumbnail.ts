import type { FastifyPluginAsync } from 'fastify'
import { assertThumbnail } from '../../core/model/thumbnail.ts'
import type { UploadService } from '../../core/uploads/upload-service.ts'
import { KiB } from '../../lib/units.ts'
import { parseWire } from '../bodies/validation.ts'
import type { CallerToken } from '../guards/presented-credentials.ts'
import { UploadIdParams } from '../schemas/progress.ts'
import { putThumbnail } from '../schemas/uploads.ts'

export interface UploadThumbnailOptions {
  uploads: Pick<UploadService, 'saveThumbnail'>
  callerToken: CallerToken
}

/** Room for one that is too large, so that the answer says so. */
const MAX_BODY_BYTES = 512 * KiB

/** The thumbnail of an upload that is open, for clients whose protocol has no place for it (tus). */
export const uploadThumbnailRoutes: FastifyPluginAsync<UploadThumbnailOptions> = async (
  app,
  { uploads, callerToken },
) => {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('image/jpeg', { parseAs: 'buffer' }, (_request, body, done) =>
    done(null, body),
  )

  const config = { isHeavy: true, presents: { uploadId: 'path' } } as const
  const route = { schema: putThumbnail, config, bodyLimit: MAX_BODY_BYTES }
  app.put('/upload-thumbnail/:uploadId', route, async (request, reply) => {
    const { uploadId } = parseWire(UploadIdParams, request.params)
    const jpeg = request.body instanceof Uint8Array ? request.body : new Uint8Array()
    assertThumbnail(jpeg)
    await uploads.saveThumbnail(uploadId, jpeg, callerToken(request))
    return reply.code(204).send()
  })
}
