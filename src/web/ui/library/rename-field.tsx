import { useLayoutEffect, useRef } from 'preact/hooks'

export interface RenameFieldProps {
  name: string
  /** Called once; null: the name stays. */
  onEnd: (name: string | null) => void
}

/** The name of an entry while it is being written anew. */
export function RenameField({ name, onEnd }: RenameFieldProps) {
  const field = useRef<HTMLInputElement>(null)
  const hasEnded = useRef(false)

  // Before the next key: people type on at once.
  useLayoutEffect(() => {
    const ending = name.lastIndexOf('.')
    field.current?.focus()
    field.current?.setSelectionRange(0, ending > 0 ? ending : name.length)
  }, [])

  function end(text: string | null): void {
    if (hasEnded.current) return
    hasEnded.current = true
    const wanted = text?.trim() ?? ''
    onEnd(wanted === '' || wanted === name ? null : wanted)
  }

  return (
    <input
      ref={field}
      class="field rename"
      aria-label={`New name of ${name}`}
      defaultValue={name}
      spellcheck={false}
      onClick={(event) => event.stopPropagation()}
      onBlur={({ currentTarget }) => end(currentTarget.value)}
      onKeyDown={(event) => {
        // The keys of the list are letters here.
        event.stopPropagation()
        if (event.key === 'Enter') end(event.currentTarget.value)
        if (event.key === 'Escape') end(null)
      }}
    />
  )
}
