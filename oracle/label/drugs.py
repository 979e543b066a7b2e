"""Sensitive topics by generic and brand names of drugs, Chinese and English. Rules version as in `topics`.

They follow the ATC classes of `codes`, with less reach where a class holds drugs of everyday use: sedation for an
operation (midazolam, dexmedetomidine), caffeine and citicoline, opioids against pain and rifampicin are named nowhere
here. Nucleosides that treat both HIV and hepatitis B have both topics. Disulfiram's name stands in many warnings about
antibiotics: `terms.HARMLESS` takes those out.
"""

from __future__ import annotations

from salus.core.labels import Topic

DRUGS: dict[Topic, str] = {
    Topic.HIV: """
        齐多夫定 司他夫定 去羟肌苷 阿巴卡韦 恩曲他滨 拉米夫定 替诺福韦 拉米双夫定 齐多拉米 奈韦拉平 依非韦伦 依法韦仑
        利匹韦林 依曲韦林 多拉韦林 艾诺韦林 洛匹那韦 利托那韦 达芦那韦 阿扎那韦 茚地那韦 沙奎那韦 拉替拉韦 多替拉韦
        度鲁特韦 艾维雷韦 比克替拉韦 卡替拉韦 卡博特韦 艾考恩丙替 比克恩丙诺 恩曲替诺 艾博韦泰 恩夫韦肽 马拉维若
        来那帕韦 zidovudine stavudine didanosine abacavir emtricitabine lamivudine tenofovir nevirapine efavirenz
        rilpivirine etravirine doravirine lopinavir ritonavir darunavir atazanavir indinavir saquinavir raltegravir
        dolutegravir elvitegravir bictegravir cabotegravir albuvirtide enfuvirtide maraviroc lenacapavir biktarvy
        genvoya triumeq truvada descovy kaletra combivir trizivir stribild dovato juluca cabenuva viread prezista
        isentress tivicay edurant intelence reyataz norvir sunlenca
    """,
    Topic.HBV: """
        恩替卡韦 阿德福韦 替比夫定 拉米夫定 替诺福韦 艾米替诺福韦 entecavir adefovir telbivudine lamivudine tenofovir
        descovy vemlidy viread baraclude hepsera
    """,
    Topic.MH: """
        氯丙嗪 奋乃静 氟奋乃静 三氟拉嗪 氟哌啶醇 舒必利 氨磺必利 利培酮 帕利哌酮 奥氮平 喹硫平 氯氮平 齐拉西酮
        阿立哌唑 布南色林 鲁拉西酮 哌罗匹隆 依匹哌唑 卡利拉嗪 碳酸锂 舍曲林 帕罗西汀 氟西汀 氟伏沙明 西酞普兰 文拉法辛
        度洛西汀 米那普仑 米氮平 曲唑酮 安非他酮 阿戈美拉汀 伏硫西汀 阿米替林 多塞平 丙米嗪 氯米帕明 马普替林 米安色林
        氟哌噻吨 黛力新 丁螺环酮 坦度螺酮 阿普唑仑 劳拉西泮 地西泮 氯硝西泮 奥沙西泮 艾司唑仑 佐匹克隆 唑吡坦 扎来普隆
        哌甲酯 托莫西汀 多奈哌齐 美金刚 卡巴拉汀 加兰他敏 chlorpromazine perphenazine haloperidol sulpiride
        amisulpride risperidone paliperidone olanzapine quetiapine clozapine ziprasidone aripiprazole lurasidone
        blonanserin brexpiprazole cariprazine lithium sertraline paroxetine fluoxetine fluvoxamine citalopram
        escitalopram venlafaxine desvenlafaxine duloxetine mirtazapine trazodone bupropion agomelatine vortioxetine
        amitriptyline doxepin imipramine clomipramine buspirone tandospirone alprazolam lorazepam diazepam clonazepam
        estazolam zopiclone eszopiclone zolpidem methylphenidate atomoxetine donepezil memantine rivastigmine
        galantamine 硫必利 泰必利 seroquel zyprexa risperdal abilify clozaril haldol invega latuda zoloft prozac paxil
        lexapro celexa effexor cymbalta wellbutrin remeron xanax ativan valium klonopin ambien lunesta ritalin
        adderall concerta strattera aricept namenda
    """,
    Topic.DVD: """
        多奈哌齐 美金刚 卡巴拉汀 加兰他敏 donepezil memantine rivastigmine galantamine aricept namenda
    """,
    Topic.SUD: """
        美沙酮 丁丙诺啡 纳曲酮 双硫仑 戒酒硫 阿坎酸 伐尼克兰 methadone buprenorphine suboxone naltrexone disulfiram
        acamprosate varenicline vivitrol subutex antabuse chantix zubsolv
    """,
    Topic.SEX: """
        炔雌醇 左炔诺孕酮 屈螺酮 去氧孕烯 孕二烯酮 优思明 优思悦 妈富隆 毓婷 氯米芬 来曲唑促排 尿促性素 尿促卵泡
        促卵泡激素 果纳芬 西地那非 他达拉非 伐地那非 达泊西汀 ethinylestradiol ethinyl_estradiol levonorgestrel
        drospirenone desogestrel clomiphene clomifene menotropin* sildenafil tadalafil vardenafil dapoxetine 炔诺酮
        甲地孕酮 norethisterone norethindrone viagra cialis levitra clomid nexplanon mirena
    """,
    Topic.PREGNANT: """
        米非司酮 米索前列醇 缩宫素 催产素 卡前列素 地诺前列酮 卡贝缩宫素 利托君 阿托西班 依沙吖啶 mifepristone
        misoprostol oxytocin carboprost dinoprostone carbetocin ritodrine atosiban
    """,
    Topic.NOTIFIABLE: """
        异烟肼 吡嗪酰胺 乙胺丁醇 利福喷丁 贝达喹啉 索磷布韦 来迪派韦 维帕他韦 达拉他韦 格卡瑞韦 艾尔巴韦 isoniazid
        pyrazinamide ethambutol rifapentine bedaquiline sofosbuvir ledipasvir velpatasvir daclatasvir glecaprevir
    """,
}
