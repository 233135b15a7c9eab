-- providers.sql
--   Providers whose templates no built-in one resembles, for a database in UTF-8.
SELECT wd_set_provider(provider, templates, payload_format => format)
  FROM (VALUES
    -- elements by their numbers
    ('odd_index', ARRAY[
      'first_{body:list[0].id}',
      'deep_{body:list[1][0]}:{body:list[2].tags[1]?}',
      'root_{body:[1].id}',
      'far_{body:[0][12]}'], 'json'),
    -- names that are hard to write, or look like something else
    ('odd_names', ARRAY[
      E'uni_{body:d\u00E4ta.\U0001F600}:{body:\uAC00?}',
      'esc_{body:quote"d.back\slash}:{body:a:b?}',
      'num_{body:0.-1}:{body:0.00?}',
      'pct_{body:per%cent}:{body:a b?}:{body:sha256?}',
      'ctl_{body:what?.why}',
      'case_{body:ID}:{body:Id}:{body:iD?}'], 'json'),
    ('odd_conditions', ARRAY[
      '{body:kind=order}{body:paid=true}ord_{body:id}',
      '{body:kind=a:b%}{header:X-Kind=live}k_{body:data.n}:{header:x-id|sha256}',
      '{body:total=0.10}num_{body:id}:{body:total}',
      '{body:eq=x=y}eq_{body:id}',
      '{header:x-path|percent=a/b c}path_{body:id}',
      '{body:paid|sha256=b5bea41b6c623f7c09f1bf24dcae58ebab3c0cdd90ad966bc43a45b44867e12b}'
        'yes_{body:data.n}',
      E'{body:kind=\u00E9}{body:data.n=1}{body:paid=false}{body:id=x=y}four_{body:total}',
      '{body:gone=}gone_{body:data.n}'], 'json'),
    -- elements in elements, several arrays, and what is around them
    ('odd_elements', ARRAY[
      'whole_{body:single}',
      'head_{header:x-whole}',
      'c_{body:id?}:{body:a[*].id?}:{body:a[*].b[*].c[*].id}:{body:a[*].b[*].list[0]?}',
      'b_{body:a[*].b[*].x.y}:{header:x-batch?}',
      '{body:a[*].type=t}t_{body:a[*].id}',
      '{body:a[*].b[*].kind=k}k_{body:a[*].id}',
      'list_{body:x.list[*].id}',
      'any_{body:a[*].b[*]|sha256}',
      'other_{body:x.other[*]}'], 'json'),
    ('odd_rows', ARRAY[
      'cell_{body:rows[*][*].id}:{body:rows[*][0].id?}',
      'row_{body:rows[*].id}',
      'flat_{body:rows[*][*]}',
      'top_{body:[*][0][*].n}',
      'sum_{body:[*]|sha256}'], 'json'),
    -- text around the placeholders, and digests
    ('odd_texts', ARRAY[
      '{body:bare}',
      'pre-{body:v}-post',
      '{body:u}:{body:w?}:',
      'dig_{body:d|sha256}:{body:e|sha256?}',
      '100% {body:long}: {body:longer?} of sha256'], 'json'),
    ('odd_headers', ARRAY[
      'a_{header:X-Mixed-SIZE}',
      E'b_{header:x-\u00C9}:{body:id?}',
      'c_{header:x-p|percent}:{header:x-s|sha256?}:{body:n?}:{body:a b?}',
      'd_{header:x-d|percent}',
      'e_{body:list[*].id}:{header:x-e?}'], 'any')) AS p (provider, templates, format);
