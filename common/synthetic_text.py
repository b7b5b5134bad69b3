"""The language of made reviews: templates and word banks, all written for this project.

A template holds {slots}, filled from BANKS, and [one|of|these] choices. Earlier entries of a bank are drawn more often, as in
real language. Complaints and praise come by topic; each topic's five numbers weigh it in 2011, 2014, 2017, 2020 and 2023.
"""
ANCHOR_YEARS = (2011, 2014, 2017, 2020, 2023)
WINDOWS = {"discs": (2011, 2017), "lockdown": (2020.2, 2021.5), "games": (2021.8, 2024), "household": (2022.2, 2024),
           "ads": (2022.8, 2024)}  # topics that nobody wrote about before or after, in years


def _lines(text):
    """The templates in `text`: one a line, or several with " / " between them."""
    return [line.strip() for line in text.replace(" / ", "\n").splitlines() if line.strip()]


def _words(text):
    """Comma-separated entries of `text`, line breaks treated as blanks."""
    return [" ".join(entry.split()) for entry in text.split(",")]


# Short ratings: whole texts. The first few make up most of all short reviews, which is why texts repeat.
TERSE = {
    "mild": _words("""Good, Nice, Ok, Very good, Good app, Nice app, good, Cool, Like it, I like it, It's good, Very nice, Fine, So good,
        nice app, ok, Not bad, Okay, Good one, It's ok, very nice, Good 👍, Nice 👍, It's nice, Very good app, Pretty good, Very nice app,
        good app, nice, Nice one, Quite good, Useful, Good work, Good service, Works, Works fine, Works well, fine, It's okay, Enjoyable,
        Interesting, Goood, Gud, Decent, Alright, All good, Good enough, So nice, Nice movies, Good movies"""),
    "strong": _words("""Excellent, Great, Love it, Awesome, Best, Amazing, I love it, Super, Perfect, Best app, I love this app, Great app,
        I love Netflix, Wow, The best, Fantastic, Superb, Wonderful, Awesome app, Amazing app, Love this app, Love Netflix, excellent,
        love it, awesome, best app, Best app ever, Brilliant, It's amazing, It's great, Mind blowing, Love, Outstanding, amazing, great,
        Excellent app, Netflix and chill, Love it!, Great!, Awesome!, Perfect app, Thank you, Thanks Netflix, ❤️, 👍, 👍👍👍, 😍😍, 5 stars,
        Loved it, Superb app, Best streaming app, I love it so much, Just perfect, Simply the best, Lovely, 🔥🔥, Satisfied, Very satisfied,
        Fabulous, GREAT APP, Marvelous, Magnificent, Best of the best, Addicted, Must have, Top"""),
    "bad": _words("""Bad, Not working, Worst app, Very bad, Worst, Poor, Not good, Very bad app, Bad app, Useless, bad, Terrible, Waste,
        Waste of money, Worst app ever, Trash, Garbage, Horrible, Too expensive, Boring, Hate it, Not free, Doesn't work, Boycott,
        not working, Very poor, worst app, Can't login, Disappointed, Pathetic, Fix it, Crap, Rubbish, Sucks, It sucks, Uninstalled,
        Disappointing, Please fix, Won't open, Won't load, Fake, Don't download, Fraud, Scam, Nothing works, Bad service, Overpriced,
        Cancelled, 👎, 😡😡, Zero stars, So bad, Very slow, Slow, Login problem, Bad experience, Money waste, Ads, Not happy"""),
    "noise": _words("""Hi, Yes, No, Hello, Netflix, Movie, Movies, App, Free, Hmm, Idk, First, Done, Test, Xx, Lol, Please, Money, Nothing,
        Me, You, Ha, Yo, A, N, Star, Five, Netflix app, Hey, Just started, Not yet, Will see, New, First time, Bro, Sir, Why, Oh, Mm, K"""),
}
# Short ratings that are put together: they make the long tail of texts seen once or twice.
SHORT_PRAISE = _lines("""
    {intens}{goodadj} [app|application|apps|app ever|service|platform|for movies|for series|experience|quality|collection|content]{endmark}
    {goodadj} [app|application|site|one|netflix] [for|to watch|with] {genre}[ {happy}||||]
    [I|i|We|my {people}] [love|like|enjoy|adore|just love|loves] [this app|netflix|it|{genre}|{title}|my shows|watching {genre}]{endmark}
    [watching|just finished|loving|waiting for|obsessed with|best show is|come for] {title}[ {happy}||||!]
    {goodadj} [and|&|,|nd|] {goodadj}[ app| movies| experience||]{endmark}
    [So far so good|No complaints|Worth it|Worth every {coin}|Money well spent|Keep it up|Well done team|10/10|100%]{endmark}
    {goodadj} {genre} [in|from|for] [{place}|{lang}|my {people}] / {goodadj}[ {happy}|{happy}{happy}| {genre}| netflix| {title}]
    {happy}[{happy}|{happy}{happy}|] / {goodadj} {genre}[ {happy}||||!]
    [thanks|thank you|love from|greetings from|big love from|respect from] [{place}|netflix {happy}|for {title}|for the {genre}]
    [Good|Nice|Best|great|lovely|{goodadj}] [for|to] [kids|family|time pass|weekends|boredom|entertainment|my {people}|{place}]
""")
SHORT_GRUMBLE = _lines("""
    {intens}{badadj} [app|application|service|quality|experience|update|support|content|company|{genre}]{endmark}
    [Can't|Cant|Unable to|Not able to|How to|Why can't I] [login|log in|sign in|open|watch|pay|cast|subscribe|{action}]{endmark}
    [keeps|always|it is|app] [crashing|freezing|buffering|loading|logging out|stopping][ on my {device}| since {when}| {angry}|]
    {badadj} [and|&|,] {badadj}[ app||]
    [Too many|So many|Full of] [ads|bugs|errors|problems|glitches|rules|limits|{badadj} {genre}]{endmark}
    [Need|Needs|Want|where are the|no] [more movies|more {genre}|improvement|new movies|{lang} audio|{lang} subtitles|{title}]
    [not worth it|Money grab|Want my money back|Going downhill|Never again|No support at all|I am done|error {errcode}]{endmark}
    {badadj} {angry}[{angry}|{angry}{angry}|] / {angry}{angry}[{angry}|{angry}{angry}|]
    [not available|not working|useless] in {place} / [bring back|where is|give us|why cancel] {title}[ {angry}||!]
""")
PRAISE = {  # topic: (weights by year, templates)
    "general": ((5, 5, 5, 5, 4), _lines("""
        [I love this app|love this app|I really like this app|I enjoy using netflix|I adore netflix][ to bits| every day|], {reasonpos}
        [This is|It's|Netflix is] [the|by far the|simply the|hands down the] best [app|streaming app|platform|thing]{scope}
        netflix is {goodadj} [and|&] {goodadj} / [would|I would|definitely] recommend [it |this app |netflix |]to {people}
        the app [works|runs|performs] {goodadv} on my {device}
        [everything|all of it] is {goodadj}[, nothing to complain about|, no problems so far|]
        [been using|I've used|I have had] it for {span} [and never had a problem|and still love it|and it only gets better]
        {goodadj}[ service| experience| application], [thanks|thank you] netflix""")),
    "content": ((3, 4, 4, 5, 4), _lines("""
        [so many|lots of|plenty of|a great selection of|a huge choice of] {genre}[ to choose from| to watch| for everybody|]
        [my favorite is|I just finished|currently watching|I binged|we are hooked on] {title}[ and it was {goodadj}| and I can't stop|]
        {title} is {intens}{goodadj}[, waiting for the next season|, best show this year|, the acting is superb|]
        the {genre} [are|here are|on here are] {intens}{goodadj}
        [I can watch|you can watch|we watch] all {possess} favorite {genre}[ in one place| anytime| anywhere|]
        [always|every week] something [new|good|fresh|interesting] to [watch|discover|see]
        the originals are [top notch|getting better|worth it|{goodadj}]""")),
    "ease": ((4, 4, 3, 2, 2), _lines("""
        [easy|simple|very easy|so simple] to [use|navigate|understand|set up][ on my {device}|, even for my {people}|]
        the [interface|layout|menu|player|search] is {goodadj}
        [no ads|no commercials|without ads], [which is {goodadj}|love that|just pure {genre}]
        [I can|you can] pick up where [I|you] left off on [the tv|another device|my {device}]
        works {goodadv} with [chromecast|my smart tv|bluetooth|wifi|mobile data|my headphones]""")),
    "quality": ((1, 2, 3, 3, 3), _lines("""
        [picture|video|sound|streaming|hd] quality is {intens}{goodadj}
        [the downloads|offline downloads|download option] [are|is] {goodadj} for [travel|flights|the bus|long trips|the commute]""")),
    "home": ((1, 1, 2, 2, 2), _lines("""
        [keeps|it keeps|has kept] [me|us|the kids|my {people}] [busy|entertained|happy|quiet][ at home| on rainy days| all day| in winter|]
        [my {people} and I|me and my {people}|we] watch it [every night|every weekend|all the time|together]
        [helps me|helped me] [relax after work|learn {lang}|pass the time|sleep|forget my worries]""")),
    "lockdown": ((0, 0, 0, 7, 2), _lines("""
        [stuck at home|working from home|quarantined] [with my {people}|for {span}] and netflix [saves me|is {goodadj}|is my best friend]
        [perfect|ideal|{goodadj}] for [lockdown|quarantine|the pandemic|stay at home days][, stay safe everybody|]""")),
    "value": ((4, 3, 2, 2, 1), _lines("""
        [worth|well worth|totally worth] [the money|every {coin}|the subscription|the price]
        [cheaper|better|way better|much better] than [cable|{rival}|going to the cinema|buying discs|{rival}]
        for [only |just |]{price} [a month|monthly] [it's a bargain|you can't beat it|it's {goodadj}|I can't complain]""")),
}
COMPLAINT = {  # topic: (weights by year, templates)
    "device": ((8, 3, 1, .4, .3), _lines("""
        [not compatible|doesn't work|won't install|refuses to run|still not supported] [on|with] my {device}
        [why is|why isn't] [my {device}|the {device}|my phone] [not |]supported[ yet|, every cheap phone has it|]
        [says|it says|message says] [my device|this phone|my {device}] [lacks support|is too old|needs certification]
        please [support|make it work on|bring it to|allow] [the |my |]{device}[ already| soon| users|]""")),
    "discs": ((5, 1.5, .2, 0, 0), _lines("""
        [the|my] dvd queue [is missing|can't be managed|disappeared|does not show] [in the app|on my {device}|here]
        [splitting|separating] dvds [from|and] streaming [was a mistake|is a rip off|doubled my bill]
        why [pay|charge] twice for [discs and streaming|the same movies|dvd by mail]""")),
    "buffering": ((6, 5, 3, 2, 1), _lines("""
        [keeps|it keeps|constantly|always] [buffering|loading|stuttering|lagging] [every {number} minutes|on wifi|at 25%|at 99%]
        [takes|it takes] [forever|ages|{number} minutes] to [load|start|buffer] [a movie|one episode|anything|a video]
        my internet is [fast|{number} mbps|fine with {rival}|working perfectly] but netflix [lags|stutters|won't stream|keeps loading]""")),
    "crash": ((5, 4, 4, 3, 4), _lines("""
        [keeps|it keeps|always] [crashing|closing|freezing] [on my {device}|every time I open it|after {number} minutes|when I press play]
        [black screen|blank screen|white screen|grey screen] [with sound|when I play anything|since {when}|on my {device}|and nothing else]
        [error|error code|getting error] {errcode} [every time|whenever I {action}|on my {device}|since {when}|again and again]
        [won't|will not|doesn't|does not even] [open|start|load|play|launch] [anymore|on my {device}|since {when}|at all]
        [tried|I tried|I have tried] [reinstalling|restarting|everything] [and nothing works|{number} times|but no luck|still the same]
        [stuck|always stuck|it gets stuck] on the [red logo|loading screen|splash screen|profile page|title page]""")),
    "update": ((2, 3, 4, 3, 3), _lines("""
        [since|after|ever since] the [last|latest|new|recent] update [it|the app|everything|netflix] [is broken|crashes|got worse|lags]
        the [new|latest|recent] [update|version] [ruined|broke|destroyed|messed up] [the app|everything|my {device}|the player|casting]
        [please |]bring back the [old version|old layout|previous version|brightness control|rating stars|landscape mode]
        [worked|used to work] [fine|great|perfectly] [before|until {when}|for {span}], [now it doesn't|now nothing|what happened]""")),
    "login": ((2, 3, 7, 5, 4), _lines("""
        [can't|cannot|I can't] [log in|login|get into my account] [anymore|since {when}|on my {device}|with the right password]
        [says|it says|keeps saying] [wrong password|try again later|account not found] [but it's correct|every time|on my {device}]
        [keeps|it keeps] [logging me out|signing me out|asking for my password] [every day|every time|for no reason]
        [never|I never|still haven't] [got|received] the [verification code|otp|reset email|sms]
        [someone|somebody|a stranger] [hacked|got into|is using] my account[ from {place}| and changed the email| again|]""")),
    "quality": ((1, 3, 7, 5, 3), _lines("""
        [video|picture|streaming] quality is {badadj}[ on my {device}| even on {number} mbps| since {when}|]
        [pay|I pay|paying] for [hd|4k|premium|ultra hd] and [get|only see|receive] [480p|blurry video|pixels|sd quality]
        [no|why no|where is the] [hdr|hd|1080p|quality setting|dolby sound] [on|for] [my {device}|android|this phone]
        [dark scenes|the picture] [are|is] [too dark|pixelated|washed out] [on|with] my {device}""")),
    "language": ((1, 2, 4, 4, 4), _lines("""
        [no|there is no|please add] {lang} [subtitles|audio|dubbing|dub] [for|on|in] [{title}|most movies|{genre}|my country]
        subtitles [are|keep getting|always] [out of sync|missing|too small|wrong|in {lang}]
        [I don't understand|can't find] [anything in |]{lang}[ movies| shows|], [add|we need] [more |]{lang}""")),
    "library": ((6, 5, 4, 3, 3), _lines("""
        [not enough|very few|hardly any|no] [good |new |]{genre}[ in {place}| here| anymore|]
        [same|only the same|nothing but] [old|boring|{badadj}] {genre}[ every month| again and again| for {span}|]
        [why did you|please don't|stop] [remove|removing|delete|taking down] {title}
        [the selection|the catalogue|content] in {place} is {badadj} [compared to|next to] [the us|{rival}|other countries]
        [can't find|where is|couldn't find] {title}[ anywhere| in {place}|]""")),
    "cancelled": ((.2, .5, 2, 4, 4), _lines("""
        [you cancelled|they cancelled|stop cancelling|why cancel] {title}[ after one season| on a cliffhanger| without an ending|]
        [no point|why bother] starting a [new |]series when it [never ends|gets cancelled|has no ending] / bring back {title}""")),
    "values": ((.1, .3, .6, 3, 2.5), _lines("""
        [too much|so much|full of|nothing but] [politics|agenda|violence|nudity|filth] in [the shows|{genre}|kids shows|everything]
        {title} is [offensive|disgusting|disrespectful|an insult] [to|for] [families|our culture|believers|{place}]
        [boycott|boycotting|cancel] netflix [because of|over|for] {title}""")),
    "price": ((4, 3, 3, 3, 7), _lines("""
        [too|way too|far too|so] [expensive|costly|pricey] for [so little|students|{place}|one screen|{badadj} content]
        [price|the price|prices] [went up|goes up|increased|raised] [again|to {price}|each {month}|without notice|for nothing]
        [they |]charged me {price} [twice|after I cancelled|without permission|for nothing|by mistake]
        [took|stole|deducted] [my money|{price}] and [no access|still no subscription|the account doesn't work]
        [free trial|the trial month|trial] [isn't free|asked for a card|charged me anyway|was removed]
        [my card|debit card|payment|paypal] [is|was|keeps getting] [declined|rejected|refused] [every time|for no reason|with money on it]
        {price} a month for [this|{badadj} movies|old shows|one device] is [robbery|a joke|greedy|not worth it]""")),
    "download": ((0, .2, 3, 3, 2), _lines("""
        downloads [disappear|expire|fail|get stuck|don't play] [at {number} percent|after a day|on my {device}|on the sd card|every time]
        [can't|unable to|doesn't let me] download [more than {number} episodes|{title}|anything|to the sd card]""")),
    "interface": ((2, 3, 3, 3, 3), _lines("""
        [autoplay|the previews|trailers] [is|are] [so annoying|driving me crazy|way too loud], [let us turn it off|stop it|please]
        [the|this] [new |]interface is [confusing|{badadj}|a mess|slow][ on my {device}|, hard to find anything|]
        search [never finds|doesn't find|is useless for] [{title}|what I want|anything]
        [can't|no way to] [remove|clear|delete] [shows|titles|profiles] from continue watching
        [the percent match|top ten|recommendations] [is|are] {badadj}""")),
    "household": ((0, 0, 0, 6, 12), _lines("""
        [says|it says|told me] [I'm not part of|my tv isn't part of|this device is outside] the household[ in my own home| while travelling|]
        [password sharing|household|home location] [rule|policy|nonsense|crackdown] [is a joke|is greedy|is {badadj}|ruined it]
        [I pay|paying] for {number} screens [and|but] [can't|cannot] [share with|use it at] [my {people}|my parents' house|college|work]
        [my {people}|my daughter|my son] at college [can't|can no longer] [watch|use|log into] [it|our account]""")),
    "games": ((0, 0, 0, 2, 3), _lines("""
        [nobody|no one] [asked for|wants|plays] [mobile games|the games|games tab], [fix|focus on] [movies|the shows|streaming]
        [games|the games|mobile games] [take up|fill|clutter] [the home page|half my screen|everything]
        [stop|quit] [pushing|showing me|advertising] games, I [want|came for|pay for] {genre}""")),
    "ads": ((0, 0, 0, 4, 5), _lines("""
        [ads|adverts|commercials] [on|in] a [paid|{price}] [plan|subscription], [seriously|no thanks|unbelievable]
        [the|with the] ad [plan|tier] [can't cast|has no downloads|is missing {title}|doesn't work on my {device}]
        [{number} ads|an ad|commercials] [every {number} minutes|before every show|in the middle of {title}]""")),
    "support": ((3, 2, 2, 2, 3), _lines("""
        customer [service|support] [is|was] {badadj}[ and rude| and no help| as always|]
        [called|contacted|emailed] [support|customer service|them] {number} times [and no answer|and nobody helped|]""")),
    "region": ((2, 3, 3, 2, 1.5), _lines("""
        not available in {place}[ yet|, why show it in the store|]
        [says|detects|thinks] I use a [vpn|proxy][ when I don't| on my home wifi|], [no|please] [fix|vpn here]
        [half|most] of {genre} [blocked|not available|hidden] in {place}""")),
    "bad release": ((0, 0, 0, 0, 0), _lines("""
        [green|pink|purple] [stripes|lines|flicker|tint] [over|across|all over] the [picture|video|screen] since [this|the new] version
        [screen|picture|everything] [turns|goes|is] [green|pink|purple] [when I press play|on my {device}|but sound is fine]
        [this version|this release|the build] has a green [screen|flicker|tint], [roll it back|test before release|please fix]""")),
}
REQUEST = _lines("""
    [please|pls|plz|kindly] [add|upload|bring|put] [{title}|more {genre}|more {lang} movies|season {number} of {title}|{lang} subtitles]
    [I wish|wish|how about if] [you had|there were|they add] [more {genre}|a dark theme|{lang} audio|a sleep timer]
    [please|pls|kindly] [fix|solve|check|look into] [this|it|the problem|my account|the bug][ soon| asap| this {day}|]
    [when|where] is [season {number}|the next season|part {number}] of {title}
    [should|you should|it should] [have|add|offer] [a monthly plan under {price}|picture in picture|parental controls|a lock button]
    [give|add|make] [us |]an option to [{action}|skip intros|hide titles|change the speed|rate with stars]
    [make it|should be|can it be] [free|cheaper|available] [for students|in {place}|please|on {device}]""")
STORY = _lines("""
    [I have|I've|we've] been [paying|watching|subscribed|with you] [since {year}|for {span}]
    [I use|I watch|we watch] it on [my {device}|the tv|a tablet|my {device} and the tv][ mostly| every evening| at work|]
    [downloaded|installed|got] it [because of|to watch|for] [{title}|my {people}|{genre}]
    [just|I just] [installed it|started|subscribed|joined][ today| {when}|], [let's see|will update my review|not sure yet]
    my [{people}|whole family] [watch|watches|use|uses] it more than [me|I do|{rival}]
    [I watched|watching|finished] {title} [on my {device}|last night|in {place}|in {lang}]""")
SARCASM = _lines("""
    [great|awesome|nice] job [netflix|guys|team], [another price increase|another good show gone|now nothing works]
    [love|I love|really love] [paying {price} for|how I pay for] [a black screen|a loading circle|an error message|shows that get cancelled]
    [best|greatest|most amazing] [app|service] [ever|in the world] if you [like|love|enjoy] [waiting|error {errcode}|loading screens]
    [thanks|thank you|many thanks] for [ruining|cancelling|removing] [{title}|the app|my evening|my favorite show]
    [good|perfect|excellent] [way|plan] to lose [customers|{number} years of loyalty|money|me]""")
FOREIGN = {  # language: (weights by year, praise, complaints)
    "spanish": ((1, 4, 4, 4, 3), _lines("""[muy|re|súper] [buena|buenísima|linda|completa|recomendable] [la aplicación|app|esta aplicación|]
        me [encanta|gusta mucho|fascina] [esta app|netflix|ver series|ver películas con mi familia]
        [excelente|la mejor|genial|buenísima] [aplicación|app|calidad|variedad] [para ver películas|de series|de todas|]"""), _lines("""
        no [funciona|abre|sirve] [en mi teléfono|desde la última actualización|la aplicación|para nada], [arréglenlo|qué lástima|pésimo]
        [muy|demasiado] [caro|cara|lenta] y [faltan películas|siempre las mismas series|se traba mucho]""")),
    "portuguese": ((.5, 2, 3, 3, 2), _lines("""[muito|super] [bom|boa|legal|top] [o aplicativo|demais|esse app|]
        [adoro|amo|gosto de] [assistir séries|esse aplicativo|netflix|os filmes]"""), _lines("""
        [não|nao] [funciona|abre|carrega] [no meu celular|mais|depois da atualização], [péssimo|que droga|resolvam]
        [muito caro|preço absurdo|poucos filmes] [e sem novidade|para pouca coisa|todo mês aumenta]""")),
    "hindi": ((0, .3, 2, 5, 5), _lines("""[बहुत|सबसे] [अच्छा|बढ़िया|शानदार] [ऐप|है|ऐप है]
        [bahut|bohot|kafi] [accha|acha|badhiya|mast] [app hai|hai|hai bhai|series hai]
        [mast|zabardast|ekdum sahi] [app|hai ye|movie collection]"""), _lines("""
        [पैसा|पैसे] [बर्बाद|वापस करो|बहुत लेता है]
        [bahut|bekar|bilkul] [mehenga|bekar|ghatiya] [app hai|hai|service], [paise waste|mat lena|hindi movie nahi hai]
        [बेकार|घटिया] [ऐप|है], [चलता नहीं|पैसे वापस दो|हिंदी में कुछ नहीं]""")),
    "indonesian": ((0, .5, 3, 4, 3), _lines("""[mantap|bagus|keren|bagus banget|sangat bagus] [aplikasinya|sekali|filmnya|bisa nonton di rumah|]
        [suka|senang] [banget sama|nonton] [aplikasi ini|drakor di sini|filmnya]"""), _lines("""
        [tidak|gak|ga] bisa [login|dibuka|bayar|diputar] [terus|padahal sudah langganan|di hp saya], [tolong diperbaiki|kecewa|payah]
        [mahal|filmnya sedikit|sering error] [banget|terus|tolong ditambah]""")),
    "arabic": ((0, .5, 2, 3, 3), _lines("""[تطبيق|برنامج] [رائع|جميل|ممتاز|جيد] [جدا|وسهل|]
        [احب|يعجبني] [هذا التطبيق|المسلسلات|نتفلكس]"""), _lines("""
        [لا يعمل|لا يفتح|سيء] [على هاتفي|بعد التحديث|جدا] / [غالي|الاسعار مرتفعة|المحتوى سيء] [جدا|ولا يستحق|للاسف]""")),
    "tagalog": ((0, .3, 1.5, 2, 2), _lines("""[ang ganda|maganda|sobrang ganda] [ng app|nito|ng mga palabas|talaga]
        [gusto ko|love ko] [to|ang mga series|manood dito]"""), _lines("""
        [ayaw|hindi] [mag open|gumana|mag play] [sa phone ko|kahit bayad na|lagi], [ayusin nyo|sayang pera|nakakainis]""")),
    "turkish": ((0, .3, 1.5, 1.5, 1.5), _lines("""[çok|gerçekten] [güzel|iyi|başarılı] [uygulama|diziler|bir uygulama|]"""), _lines("""
        [açılmıyor|çalışmıyor|donuyor] [telefonumda|güncellemeden sonra], [düzeltin|çok kötü|berbat]
        [çok|aşırı] pahalı [oldu|değmez|zam üstüne zam]""")),
    "russian": ((0, .5, 1.5, 1.5, .7), _lines("""[отличное|хорошее|лучшее|классное] [приложение|качество|приложение для фильмов]"""), _lines("""
        [не работает|не открывается|вылетает] [после обновления|на моём телефоне|постоянно]
        [дорого|мало фильмов|нет русского языка] [и неудобно|к сожалению|верните деньги]""")),
    "french": ((.5, 1.5, 1.5, 1, 1), _lines("""[très|vraiment] [bonne|belle|agréable] [application|appli|plateforme]
        [j'adore|génial|parfait] [netflix|cette application|pour les séries]"""), _lines("""
        [ne marche pas|ne s'ouvre plus|plante toujours] [sur mon téléphone|depuis la mise à jour], [dommage|nul|à corriger]
        trop [cher|de pub|lent] [pour ce que c'est|et peu de choix]""")),
    "german": ((.5, 1, 1, .8, .7), _lines("""[sehr|echt] [gute|schöne|tolle] [app|auswahl|serien]"""), _lines("""
        [stürzt|bricht] [ständig|immer] ab [auf meinem tablet|seit dem update], [schade|bitte beheben]
        [viel zu|einfach zu] teuer [für das angebot|geworden]""")),
    "bengali": ((0, .1, .7, 1.5, 1.5), _lines("""[খুব|অনেক] [ভালো|সুন্দর] [অ্যাপ|লাগে|] / khub [bhalo|valo|sundor] [app|laglo]"""), _lines("""
        [কাজ করে না|টাকা নষ্ট|ভালো না] / [kaj kore na|taka kete nei|baje app] [vai|khali|]""")),
    "korean": ((0, .1, .5, .8, .8), _lines("""[정말|너무] [좋아요|재밌어요|최고예요]"""), _lines("""
        [계속|자꾸] [오류가 나요|꺼져요|로그인이 안돼요]""")),
}
BANKS = {
    "intens": ["", "very ", "really ", "so ", "", "pretty ", "absolutely ", "super ", "totally ", "extremely ", "quite ", "truly "],
    "endmark": ["", "", "", "!", ".", "!!", "...", "!!!", " 🙏", " 😅"],
    "goodadj": _words("""good, great, amazing, awesome, nice, excellent, best, fantastic, cool, perfect, superb, wonderful, lovely,
        brilliant, fun, smooth, incredible, beautiful, enjoyable, entertaining, decent, outstanding, fabulous, reliable, impressive,
        convenient, addictive, terrific, exceptional, splendid, delightful, solid, stunning, marvellous, magnificent, flawless, phenomenal,
        neat, pleasant, handy, satisfying, dope, lit, epic, relaxing, refreshing, spectacular, classy, unbeatable, gorgeous, sweet"""),
    "goodadv": _words("""great, perfectly, well, fine, smoothly, flawlessly, very well, nicely, without problems, like a charm, beautifully,
        wonderfully, as expected, really well, seamlessly, reliably, just fine, without a hitch"""),
    "badadj": _words("""bad, terrible, worst, horrible, poor, awful, useless, annoying, disappointing, pathetic, slow, trash, ridiculous,
        boring, garbage, frustrating, stupid, lame, buggy, greedy, rubbish, disgusting, unacceptable, unusable, lousy, laggy, glitchy,
        mediocre, dreadful, shameful, outdated, clunky, overpriced, broken, unreliable, atrocious, cheap, silly, weak, insane, misleading,
        dishonest, messy, laughable, appalling, abysmal, tedious, cringe, dull, incompetent, inconsistent, dire"""),
    "reasonpos": _words("""it's {goodadj}, so many {genre}, never a problem, no ads, {title} is {goodadj}, watch it every day,
        the {genre} are {goodadj}, my {people} love it too, works {goodadv}, easy to use, better than {rival}, great {genre}"""),
    "scope": ["", " ever", " in the world", " out there", " on my phone", " I have used", " for {genre}", " so far", " on android"],
    "genre": _words("""movies, shows, series, tv shows, films, documentaries, anime, cartoons, korean dramas, kids shows, horror movies,
        comedies, originals, action movies, thrillers, dramas, sitcoms, bollywood movies, kdramas, web series, classics, romantic movies,
        crime shows, stand up specials, cooking shows, reality shows, sci-fi, telenovelas, true crime, christmas movies, war films,
        superhero movies, nollywood movies, turkish series, animations, baking contests, nature films, mysteries, westerns, musicals,
        zombie shows, fantasy series, spy thrillers, chinese dramas, game shows, talk shows, biographies, sports stories, indie films"""),
    "people": _words("""family, kids, wife, husband, friends, mom, daughter, son, sister, brother, parents, girlfriend, boyfriend, children,
        dad, roommate, grandma, grandkids, cousin, mother, toddler, everyone, fiance, nephew, niece, partner, uncle, neighbours, students,
        grandfather, colleagues, twins, aunt, teenagers, in-laws, granddaughter"""),
    "possess": ["my", "your", "our", "the", "their"],
    "place": _words("""India, my country, Canada, Australia, South Africa, Pakistan, the UK, Nigeria, Mexico, Brazil, Kenya, the Philippines,
        Malaysia, Nepal, Germany, Egypt, Indonesia, Europe, Bangladesh, Argentina, Spain, Poland, Ghana, Romania, Sri Lanka, Dubai, Turkey,
        Colombia, Chile, Ireland, New Zealand, Singapore, Peru, Morocco, Greece, Iraq, Israel, Japan, Saudi Arabia, Kuwait, Lebanon, Ecuador,
        Jamaica, Hungary, Thailand, Uganda, Zambia, Vietnam, Jordan, Algeria, Croatia, Portugal, Puerto Rico, Texas, California, Florida,
        London, Mumbai, Delhi, Karachi, Lagos, Manila, Jakarta, Nairobi, Sydney, Toronto, Ohio, Zimbabwe, Tanzania, Oman, Qatar"""),
    "lang": _words("""hindi, english, spanish, tamil, arabic, telugu, urdu, french, indonesian, turkish, malayalam, german, portuguese,
        korean, japanese, bengali, kannada, punjabi, thai, russian, polish, italian, tagalog, marathi, dutch, greek, romanian, hebrew,
        nepali, gujarati, persian, vietnamese, swahili, hungarian, sinhala, czech, malay, ukrainian, yoruba, mandarin, assamese, zulu"""),
    "rival": _words("""youtube, hulu, amazon prime, disney+, hbo, hotstar, other apps, blockbuster, redbox, showmax, cable, prime video,
        paramount, peacock, the cinema, torrents, roku, viki, crunchyroll, stan, tubi, plex, crackle, voot, vudu, apple tv, moviebox"""),
    "device": _words("""phone, tablet, Samsung Galaxy, Android phone, Galaxy S{number}, Nexus 7, Motorola, Pixel {number}, HTC Evo,
        Kindle Fire, Galaxy Tab, Redmi Note {number}, OnePlus {number}, Huawei, Droid X, LG G{number}, Xiaomi, smart tv, Chromebook,
        Nokia {number}, Oppo A{number}, Vivo, Sony Xperia, Asus tablet, Lenovo tab, Moto G{number}, Poco, Realme {number}, Android box,
        Fire stick, Note {number}, Razr, Infinix, Tecno, Honor, Acer Iconia, Xoom, Thunderbolt, Incredible {number}, ZTE, BlackBerry,
        Alcatel, Shield, Desire, Evo 4G, Zenfone {number}, Transformer, Micromax, Optimus, Atrix, iPad, projector, foldable"""),
    "number": [str(n) for n in (2, 3, 5, 10, 4, 20, 30, 6, 8, 7, 15, 9, 12, 50, 100, 11, 13, 25, 40, 45, 14, 60, 21, 16, 18, 22, 90, 99)],
    "price": _words("""$7.99, 500 rupees, $9.99, $15, $8, 199 rs, 10 dollars, £7.99, $15.49, 649 rs, €9.99, $20, $16, 800 rs, $12.99, $6.99,
        $17.99, R99, £10.99, 150 pesos, $23, $11.99, 54k, $22.99, 4400 naira, 499 rs, $13.99, 1100 shillings, 35 lira, $5, $18, 349"""),
    "coin": ["penny", "cent", "rupee", "dollar", "euro", "peso"],
    "errcode": _words("""5.7, -9, 1012, 5.2, -14, UI-113, NW-2-5, 10001, 0013, -504, 1001, 5.10, -100, UI-800-3, 5.8, M7111, -159, 12001,
        -1000, 5.3, 5001, -221, 118, 112, -93, 10008, NSES-404, 10002, -62, 500.48, 1044, 0033, 40104, NQM.508, D7702, 5.9, 10023"""),
    "span": _words("""years, 2 years, a month, 3 years, a week, 5 years, months, 10 years, a long time, ages, 6 months, a few days,
        over a decade, 4 years, weeks, half a year, 7 years, two weeks, one year, eight years, a couple of months, a day"""),
    "when": _words("""yesterday, last week, today, this morning, the update, last month, two days ago, monday, friday, {month}, last night,
        christmas, the weekend, sunday, {number} days ago, I updated, I got my new phone, I changed my password, thursday, tuesday"""),
    "month": _words("may, april, june, march, january, december, july, august, october, november, september, february"),
    "year": [str(year) for year in (2012, 2015, 2010, 2014, 2013, 2009, 2016, 2011, 2017, 2008, 2018, 2007, 2005, 2003, 1999, 2019)],
    "action": _words("""log in, press play, cast to the tv, change the quality, download, switch profiles, skip, open the app, search, pause,
        rewind, resume, change language, turn on subtitles, fast forward, rotate the screen, update, connect to wifi, add a profile,
        lock the screen, sort my list, zoom, mute, shuffle, delete history, mirror, filter, bookmark, cancel, sync, reset, swipe"""),
    "happy": _words("👍, ❤️, 😍, 👍👍, 😊, 🔥, 👌, 🥰, 💯, 😁, 💕, 😘, 💖, 😎, ✨, 🎬, 🍿, 🤩, ☺️, 🎉, ⭐, 👏, 😇, 💫, ♥️♥️"),
    "angry": _words("😡, 😭, 👎, 😔, 🤬, 😒, 💔, 😤, 🙄, 😢, 🥺, 😑, 😠, 🤦, 😞, 😩, 🤮, 😕"),
    "emoji": _words("🙏, 😂, 🤣, 🍿, 😅, 👍, 😭, 🤔, 😊, 🙄, 👀, 😔, 🎥, ❤️"),
    "title": _words("""{first} {second}, {second}, the {second}, {first} {second} {number}, {name}, {name} and {name}, {second} of {place},
        "{first} {second}", {name}'s {second}, the {first} {second}, 'The {second}'"""),
    "first": _words("""Silent, Lost, Crimson, Hollow, Midnight, Broken, Golden, Last, Paper, Northern, Burning, Frozen, Secret, Velvet, Iron,
        Little, Distant, Glass, Hidden, Wild, Electric, Bitter, Sunken, Wandering, Second, Ashen, Scarlet, Cold, Quiet, Painted, Stolen,
        Ninth, Blind, Copper, Feral, Gilded, Haunted, Ivory, Jagged, Kindred, Lunar, Mystic, Noble, Obsidian, Pale, Restless, Salted"""),
    "second": _words("""Harbor, Kingdom, Detectives, River, Island, Signal, Garden, Crown, Station, Hunters, Empire, Promise, Lanterns,
        Wolves, Protocol, Letters, Academy, Bakery, Shore, Orchard, Tower, Circus, Verdict, Voyage, Asylum, Bridge, Canyon, Dynasty, Echoes,
        Falcon, Gravity, Heist, Inheritance, Jury, Keepers, Labyrinth, Mirror, Nomads, Oracle, Passage, Quarry, Ransom, Sanctuary, Thieves,
        Uprising, Valley, Witness, Zodiac, Alchemist, Battalion, Cartel, Drifters, Equinox, Forge, Glacier, Horizon, Illusion, Jackals"""),
    "name": _words("""Marlow, Sabrina Vale, Inspector Okoro, Tamsin, Rafael, Lucinda, Baxter, Priya, Dragomir, Yuna, Captain Brandt,
        Doctor Imani, Esperanza, Kazuo, Wendell, Agent Moreau, Nadia Frost, Thornton, Bao, Zelda Quinn, Hamish, Leocadia, Osman, Petra,
        Judge Hollis, Minerva, Santiago, Akira Stone, Beatrix, Cormac, Dahlia, Ezekiel, Fatima, Gideon, Henrietta, Ignacio, Jezebel"""),
    "opener": [f"{words} " for words in _words("""honestly, to be fair, guys:, I must say, seriously, hello netflix:, in my opinion,
        tbh, overall, well:, for me, I'm from {place} and, dear team:, I think, lately, hi:, for {span} now, at first, edit:, sorry but,
        since I moved to {place}, like everyone says, {month} {year}:, ok so, I just want to say, update:, my {people} told me that""")],
    "tail": [f" {words}" for words in _words("""lol, to be honest, on my {device}, in {place}, for real, as of {month}, just saying,
        when I watch {genre}, since {when}, these days, with my {people}, and that's it, what do you think, in {year}, I guess,
        at the moment, every single {day}, as far as I know, same for my {people}, not like {rival}, after {span}, ask my {people},
        while watching {title}, even at {number} pm, from what I have seen, especially for {genre}, whenever I {action}""")],
    "day": ["day", "night", "evening", "weekend", "morning", "month", "time", "week", "afternoon"],
    "but": _words("""but, but, but, however, but now, only, except, although, the only problem is, sadly, but lately, unfortunately"""),
    "otherwise": _words("""otherwise, but, other than that, apart from that, still, besides that, on the other hand, at least"""),
}
