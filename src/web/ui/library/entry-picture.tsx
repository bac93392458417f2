import { useEffect, useState } from 'preact/hooks'
import type { Entry } from '../../library/listing.ts'
import type { Thumbnails } from '../../library/thumbnails.ts'

export interface EntryPictureProps {
  entry: Entry
  thumbnails: Thumbnails
}

/** The small picture that Telegram has of a file, over its icon. Nothing where there is none. */
export function EntryPicture({ entry, thumbnails }: EntryPictureProps) {
  const [url, setUrl] = useState<string | null>(null)
  const messageId = entry.kind === 'file' && entry.file.thumbnail ? entry.file.messageId : null
  useEffect(() => {
    setUrl(null)
    return messageId === null ? undefined : thumbnails.show(messageId, setUrl)
  }, [messageId, thumbnails])
  if (url === null) return null
  return <img src={url} alt="" draggable={false} onError={() => setUrl(null)} />
}
