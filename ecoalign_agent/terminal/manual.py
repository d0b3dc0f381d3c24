"""The words of ``--help``."""

ABOUT = """Safe, useful and affordable answers about pictures.

EcoAlign searches for an answer the way a careful buyer shops: every next thought has a forecast of its safety, its use
and its cost, and is bought only when it is worth it. A path is as safe as its least safe thought.

\b
Free, with no key and no network:
  ecoalign demo
  ecoalign ask "When does it close on Saturday?" --image notice.png

\b
With a model of your choice (needs its key, and spends its tokens):
  export OPENAI_API_KEY=...
  ecoalign ask "What does this label warn of?" --image label.jpg \\
    --model openai:gpt-4o-mini

\b
Exit status:
  0    answered, or declined with a reason
  1    the run failed
  2    a mistake in the request: an option, a picture, a key, a budget
  130  interrupted
"""

ASK = """Ask a question, with pictures or without.

The answer goes to standard output and everything else to standard error, so that a pipe gets just the answer. On a
terminal the search is shown as a live tree, and a receipt follows the answer.

\b
Examples:
  ecoalign ask "What is the total?" --image receipt.jpg
  ecoalign ask "Which one closes later?" --image a.png --image b.png --budget 4000
  ecoalign ask - --image page.png < question.txt
  ecoalign ask "What is it?" --image https://images.example.org/it.jpg \\
    --allow-image-host images.example.org
  ecoalign ask "What is the total?" --image receipt.jpg --json | jq -r .answer
  ecoalign ask "What is it?" --image it.jpg --model openai:qwen2.5-vl \\
    --base-url http://localhost:8000/v1

\b
What it costs:
  The model "offline" is free: rules that read text in pictures,
  no vision-language model, no key, no network.
  Any other model is called with the key of its provider.
  --budget bounds what one question may spend.

\b
Environment:
  OPENAI_API_KEY, ECOALIGN_MODEL, ECOALIGN_ASSESSOR, ECOALIGN_BASE_URL,
  ECOALIGN_TIMEOUT (seconds one call may take, 60),
  ECOALIGN_IMAGE_HOSTS (hosts of --allow-image-host, with commas)
"""

DEMO = """Four pictures through the whole loop, free: no key, no network, under a minute.

A museum notice, a till receipt, a street sign with a harmless question that sounds harmful, and a picture whose text
asks for something harmful. Each with its question, its search, its answer and one line of what to notice.
"""
