"""Sensitive topics by words, Chinese and English. Rules version as in `topics`; how words are written: `words`.

A denied finding ("否认肝炎史", "HIV (-)") and a relative's count too: that the question was asked is already sensitive.
What doesn't count is a word with another meaning (`HARMLESS`), a vaccination, a gene of a germ, and what is said to
everybody ("孕妇禁用").
Sources: the project's classification table; the 甲类 and 乙类 diseases of 传染病防治法; names of tests as Chinese
laboratories write them; English words after the SHIFT SLS value sets. Reviewed by no coder yet.
"""

from __future__ import annotations

import re
from typing import Final

from salus.core.labels import Topic

TERMS: dict[Topic, str] = {
    Topic.HIV: """
        HIV HIVAg HIVAb H_I_V 艾滋 爱滋病 愛滋 aids病 aids患者 人类免疫缺陷病毒 人類免疫缺陷病毒 人免疫缺陷病毒
        免疫缺陷病毒 获得性免疫缺陷 后天免疫缺乏 後天免疫缺乏 抗逆转录 抗反转录 鸡尾酒疗法 暴露后预防 暴露前预防
        cd4细胞 cd4+t cd4+淋巴 cd4淋巴 cd4t cd4绝对 cd4计数 cd4阳性t CD4_count CD4_cell* CD4_T_cell* CD4_lymph*
        absolute_CD4 CD4_abs* human_immunodeficiency acquired_immun* antiretroviral* anti_retroviral* HAART
        pre_exposure_prophylaxis post_exposure_prophylaxis_hiv CD4_#
    """,
    Topic.STD: """
        梅毒 苍白螺旋体 蒼白螺旋體 密螺旋体 淋病 淋球菌 淋病奈瑟 尖锐湿疣 生殖器疱疹 生殖器疣 软下疳 沙眼衣原体
        生殖道衣原体 解脲支原体 解脲脲原体 脲原体 生殖支原体 人型支原体 性传播疾病 性传播感染 经性传播 性途径传播
        花柳病 冶游史 不洁性交 人乳头瘤病毒 人乳头状瘤病毒 HPV RPR TPPA TPHA VDRL TP-Ab anti-TP 快速血浆反应素
        甲苯胺红 阴道毛滴虫 滴虫性阴道炎 单纯疱疹病毒ⅱ型 单纯疱疹病毒ii型 单纯疱疹病毒2型 HSV-2 HSV_II syphili*
        gonorrh* gonococ* chlamydia_trachomatis c_trachomatis genital_chlamydia treponem* t_pallidum genital_herpes
        genital_wart* ureaplasma* mycoplasma_genitalium m_genitalium trichomon* chancroid condyloma_acuminat*
        papillomavirus sexually_transmitted venereal STDs STIs STD_screen* STI_screen* STD_clinic STI_clinic STD_test*
        STI_test* rapid_plasma_reagin reagin 滴虫 性传播方式 性传播衣原体 生殖道疱疹 泌尿生殖系统疱疹 阴茎疱疹
        外阴疱疹 neurosyphil* tabes_dorsalis sexual_mode_of_transmission chlamydial_infection* chlamydial_urethritis
        chlamydial_cervicitis anogenital* 支原体培养 UU_MH
    """,
    Topic.HBV: """
        乙肝 乙型肝炎 乙型病毒性肝炎 B型肝炎 大三阳 小三阳 前S1抗原 前S1蛋白 前S2抗原 HBsAg HBs_Ag HBsAb HBeAg HBeAb
        HBcAb anti_HBs anti_HBc anti_HBe HBV HBV-DNA hepatitis_B hep_B
    """,
    Topic.MH: """
        精神科 精神分裂 精神障碍 精神疾病 精神疾患 精神病 精神卫生 精神心理 精神医学 精神类药 精神行为异常 心理障碍
        抑郁 抑鬱 憂鬱症 焦虑 焦慮 双相情感 双相障碍 双相I型 双相II型 双相躁狂 双相抑郁 躁狂 轻躁狂 自杀 自殺 自伤
        自残 轻生念头 轻生观念 轻生倾向 强迫症 强迫性障碍 强迫思维 创伤后应激 惊恐障碍 恐惧症 社交恐惧 谵妄 幻听
        被害妄想 注意缺陷 多动症 神经性厌食 神经性贪食 暴食症 人格障碍 躯体形式障碍 心理科 心身医学 心身科 身心科
        身心医学 心理卫生 心理门诊 心理治疗费 接受心理治疗 行心理治疗 心理咨询费 血锂 锂浓度 PHQ-9 GAD-7 HAMD MMPI
        SCL-90 schizo* bipolar_disorder bipolar_affective bipolar_I bipolar_II hypomani* depressi* anxiety anxious
        suicid* self-harm* self_injur* psychiatr* psychosis psychotic* psychosomatic psycholog* antipsychotic*
        antidepress* PTSD post_traumatic_stress posttraumatic_stress OCD obsessive_compulsive ADHD attention_deficit
        eating_disorder anorexia_nervosa bulimi* personality_disorder* panic_disorder* delirium mental_illness
        mental_disorder* mental_health electroconvulsive 痴呆 dementia agoraphob* phobia* phobic adjustment_disorder*
        acute_stress_reaction dissociative* conversion_disorder* somatoform* somatization* hypochondri*
        pathological_gambling kleptoman* pyroman* conduct_disorder* tourette* tic_disorder* mood_disorder*
        affective_disorder* paraphili* 适应障碍 急性应激反应 分离性障碍 分离性遗忘 分离转换 转换障碍 躯体化 疑病症
        疑病观念 病态赌博 品行障碍 进食障碍 抽动障碍 抽动症 缄默症 选择性缄默 心境障碍 心境恶劣 情感障碍 情绪障碍 癔症
        神经症 神经官能症 恐怖症 应激障碍 割腕 心理咨询门诊 心理咨询中心 MDD depressed_mood low_mood anhedonia
        behavioral_health behavioural_health phenothiazine_screen* 吩噻嗪
    """,
    Topic.PSYTHPN: """
        心理治疗记录 心理咨询记录 心理治疗笔记 psychotherapy_note* psychotherapy_record* psychotherapy_session_note*
        cognitive_behavioral_therapy_record
    """,
    Topic.SUD: """
        吸毒 毒品 戒毒 戒酒治疗 戒酒门诊 戒酒药 酒精依赖 酒精中毒 酒精滥用 酒精使用障碍 酒精性 酗酒 嗜酒 药物依赖
        药物滥用 物质滥用 物质依赖 戒断反应 戒断综合征 成瘾 海洛因 冰毒 摇头丸 可卡因 大麻 苯丙胺 安非他明 安非他命
        吗啡检测 尿吗啡 吗啡定性 氯胺酮检测 尿氯胺酮 乙醇浓度 酒精浓度 血酒精 血乙醇 血液酒精 血中酒精 尼古丁依赖
        烟草依赖 阿片类依赖 opioid_use opioid_abuse opioid_depend* drug_abuse drug_addict* drug_depend* drug_use
        drug_screen* drugs_of_abuse substance_abuse substance_use substance_depend* alcohol_depend* alcohol_abuse
        alcohol_use_disorder* alcohol_misuse alcohol_withdrawal alcohol_intoxicat* alcoholi* blood_alcohol heroin
        methamphetamine* amphetamine* cocaine cannabi* marijuana fentanyl_urine urine_fentanyl addiction*
        detoxification_unit nicotine_depend* 致幻剂 吸入剂滥用 兴奋剂滥用 兴奋剂依赖 镇静药滥用 催眠药滥用
        精神活性物质 酒精相关 酒精有害使用 检出酒精 发现酒精 鸦片 阿片类药物滥用 阿片类药物依赖 阿片类中毒 消遣性药物
        hallucinogen* inhalant_abuse stimulant_abuse stimulant_depend* sedative_abuse sedative_depend*
        psychoactive_substance* narcotic_abuse alcohol_in_blood finding_of_alcohol recreational_drug opium 血清酒精
        血清乙醇 乙醇测定 THC EtOH_abuse EtOH_depend* EtOH_withdrawal EtOH_use_disorder CIWA opiate_screen*
        benzodiazepine_screen* barbiturate_screen* toxic_screen* toxicology_screen* tox_screen* ethanol_urine
        ethanol_serum ethanol_blood serum_ethanol alcohol_level 毒物筛查 阿片类筛查 阿片类药物筛查 苯二氮卓类筛查
        苯二氮卓类药物筛查 巴比妥类筛查 巴比妥类药物筛查
    """,
    Topic.GDIS: """
        基因 遗传病 遗传性 遗传咨询 遗传代谢 染色体 染色體 地中海贫血 地贫 血友病 外显子 唐氏 唐筛 三体综合征 三体风险
        21三体 18三体 13三体 -三体 突变负荷 nipt 无创产前 核型分析 核型异常 血核型 水核型 核型46 核型:46 核型：46
        苯丙酮尿症 亨廷顿 进行性肌营养不良 genetic* germline hereditary BRCA MTHFR CYP_2_C_19 CYP_2_D_6 karyotyp*
        chromosom* hemophilia haemophilia thalass* exome whole_genome gene_mutation* gene_test* gene_panel*
        gene_sequenc* gene_variant* mutation_analysis mutation_panel mutation_test* tumor_mutation* tumour_mutation*
        factor_v_leiden lynch_syndrome APOE_genotyp* down_syndrome trisomy sickle_cell cystic_fibrosis huntington
        镰状细胞 镰刀细胞 镰状红细胞 糖原贮积 贮积症 枫糖尿 枫糖浆尿 高苯丙氨酸 酪氨酸血症 甲基丙二酸 丙酸血症
        氨基酸代谢 神经节苷脂沉积 戈谢病 法布里病 尼曼-匹克 庞贝病 粘多糖贮积 粘多糖病 黏多糖贮积 黏多糖病 半乳糖血症
        脊髓性肌萎缩 肌营养不良 囊性纤维化 囊肿性纤维化 特纳综合征 克兰费尔特 克氏综合征 安格尔曼 脆性x 猫叫综合征
        muscular_dystroph* phenylketonuri* glycogen_storage mucopolysaccharid* gangliosid* gaucher* fabry* niemann*
        pompe spinal_muscular_atroph* turner_syndrome turner_s_syndrome klinefelter* angelman prader_willi fragile_x
        maple_syrup_urine hurler* amino_acid_metabolism von_willebrand_disease monosom* inherited_disorder*
        inherited_metabolic inherited_disease* JAK_2 BCR_ABL KRAS NRAS BRAF PIK_3_CA VUS pathogenic_variant* V617F
    """,
    Topic.SEX: """
        精液 精子 不孕 不育 试管婴儿 試管嬰兒 辅助生殖 人工授精 体外受精 胚胎移植 冻胚 取卵 供精 供卵 代孕 生殖中心
        生殖医学 勃起 男性性功能 女性性功能 性功能减退 性欲 避孕 节育器 节育环 节育手术 计划生育 绝育 输精管结扎
        输卵管结扎 性别重置 变性手术 阳痿 早泄 性激素 促卵泡 卵泡刺激素 促黄体 黄体生成素 雌二醇 孕酮 睾酮 抗缪勒
        抗苗勒 抗穆勒 semen sperm sperms spermatoz* spermatogen* spermicid* sperm_count* infertil* IVF IVF_ET ICSI
        intrauterine_insemination embryo_transfer* oocyte_retriev* contracept* erectile* gender_reassignment
        gender_affirm* vasectom* tubal_ligation IUD intrauterine_device FSH follitropin follicle_stimulating
        luteinizing_hormone lutropin estradiol oestradiol progesterone testosterone sex_hormone* anti_mullerian
        anti_muellerian antimullerian AMH premature_ejaculation sexual_dysfunction 少精症 少精子 少弱精 无精症 无精子
        弱精症 弱精子 生育力 卵巢过度刺激 人工受精 易性症 易性癖 异装症 异装癖 恋物癖 露阴癖 露阴症 性偏好
        性别认同障碍 性别焦虑 azoosperm* oligosperm* fertility* procreative sexual_desire sexual_aversion
        sexual_arousal orgasm* paraphili* fetish* transvest* transsexual* gender_dysphoria ovarian_hyperstimulation
        睾丸酮 黄体酮 estriol 雌三醇 sexuality reproductive_problem*
    """,
    Topic.PREGNANT: """
        妊娠 怀孕 懷孕 孕妇 孕婦 孕产妇 孕周 孕期 早孕 宫内孕 宫外孕 孕囊 流产 流產 引产 堕胎 墮胎 无痛人流 人流术
        药流术 分娩 顺产 临产 胎儿 胎兒 胎心 胎动 胎盘 胎位 胎膜 羊水 宫高 剖宫产 剖腹产 绒毛膜促性腺 产前 产检 产褥
        产后出血 孕检 优生 唐氏筛查 唐筛 nipt 无创产前 产科 hCG bhcg pregnan* abortion* miscarriage* fetal fetus*
        foetal foetus* obstetric* cesarean caesarean c_section prenatal antenatal postpartum gestation* trimester
        amnio* labor_and_delivery labour_ward maternity live_birth* live_deliver* preterm_birth* births_at_term
        chorionic_gonadotropin choriogonadotropin ectopic_pregnan* 子痫 早产 难产 产时出血 产时发热 产程 围产期 葡萄胎
        羊膜 产妇 胎肺 胎龄 预产期 childbirth puerper* pre_eclampsia preeclampsia eclampsia hydatidiform placent*
        antepartum intrapartum obstructed_labor preterm_labor premature_rupture_of_membranes primigravida*
        multigravida* gravida* maternal_screen* maternal_care maternal_serum U_preg upreg preg_test 恶露 产房 产后
        G_#_P_# fetalfn fetal_fn
    """,
    Topic.SDV: """
        性侵害 被性侵 遭性侵 强奸 強姦 猥亵 家暴 家庭暴力 虐待 受虐 施虐 sexual_assault* sexual_abuse* sexually_abused
        sexual_violence rape raped domestic_violence domestic_abuse intimate_partner_violence partner_abuse
        child_abuse elder_abuse spousal_abuse physical_abuse physically_abused battered_wom* battered_child maltreat*
        child_neglect adult_neglect elder_neglect neglect_or_abandonment perpetrator* adult_abuse sexual_exploitation
        性剥削 遗弃儿童 忽视儿童 施暴 sexual_harm harm_by_partner
    """,
    Topic.NOTIFIABLE: """
        结核 結核 鼠疫 霍乱 伤寒 麻疹 疟疾 疟原虫 狂犬病 炭疽 百日咳 白喉 猩红热 登革 布鲁氏菌 布鲁菌 布氏杆菌
        钩端螺旋体 钩体病 血吸虫 新冠 新型冠状病毒 传染性非典型肺炎 脊髓灰质炎 禽流感 出血热 汉坦病毒 乙型脑炎
        流行性乙脑 脑脊髓膜炎 痢疾 志贺 新生儿破伤风 猴痘 传染病报告 传染病报卡 抗酸杆菌 抗酸染色 肥达 虎红平板
        PPD试验 PPD皮试 甲肝 甲型肝炎 丙肝 丙型肝炎 戊肝 戊型肝炎 丁型肝炎 病毒性肝炎 HCV HAV HEV COVID-19 COVID
        2019_nCoV SARS-CoV-2 SARS tuberculo* tuberculi* t_spot quantiferon interferon_gamma_release acid_fast
        latent_TB active_TB pulmonary_TB TB_test* TB_infection* TB_DNA TB_PCR PPD_test* PPD_skin cholera malaria*
        plasmodium_fal* plasmodium_viv* measles rubeola plague rabies anthrax pertussis diphtheria scarlet_fever
        typhoid brucell* leptospir* schistosom* poliomyelitis dysentery shigell* avian_influenza hantavirus mpox
        monkeypox hepatitis_A hepatitis_C hepatitis_D hepatitis_E hep_C dengue meningococc* japanese_encephalitis
        neonatal_tetanus 克雅 亚急性硬化性全脑炎 阿米巴 脑膜炎球菌 黑死病 creutzfeldt* amebi* amoebi* whooping_cough
        viral_hepatitis QFT
    """,
    Topic.DVD: """
        智力低下 智力障碍 智力发育 智力测验 智力测试 智商 精神发育迟滞 孤独症 自闭症 自閉症 发育迟缓 发育障碍 发育量表
        发育商 阿尔茨海默 阿爾茨海默 痴呆 失智 认知功能障碍 认知障碍 认知评估 简易精神状态 MMSE MoCA autis* dementia
        alzheimer* intellectual_disabilit* cognitive_impairment developmental_delay developmental_disorder*
        learning_disabilit* 语言发育 阅读障碍 语音障碍 dyslexia speech_delay developmental_disab*
    """,
    Topic.BIOMETRIC: """
        人脸识别 面部识别 指纹 掌纹 虹膜识别 虹膜采集 声纹 眼底照相 眼底彩照 眼底彩色照相 眼底摄影 fundus_photo*
        retinal_photo* facial_recognition fingerprint* iris_scan*
    """,
    Topic.IDENTITY: """
        跨性别 男男性行为 男男同性 同性恋 同性性行为 性取向 transgender* sexual_orientation gender_identity
        homosexual*
    """,
    Topic.HGR: """
        人类遗传资源 全基因组测序 全基因组数据 原始测序 测序原始数据 whole_genome_sequenc* FASTQ
    """,
}

# Words that hold a sensitive one and mean something else
HARMLESS: Final = """
    皮肤性病 非结核 小结核 总结核 团结核 终结核 了结核 伤寒论 伤寒杂病 荨麻疹 蕁麻疹 麻疹样 苍白喉 新冠脉 新冠状动脉
    新冠修复 非酒精性 消毒品 双硫仑样 大麻仁 大麻木 大麻痹 大麻醉 肝素锂 胎儿血红蛋白 血流产 电流产 气流产 液流产
    吸引产 羊膜移植 抽动症状 寻麻疹 备孕期 神经症状 神经症候 自伤口 生产程 难产生 早产生 斑疹伤寒 棘阿米巴 德国麻疹
    german_measles 雌激素受体 孕激素受体 孕酮受体 progesterone_receptor* estrogen_receptor* tuberculin_syringe*
    alcoholic_beverage* alcoholic_drink* psychiatric_negative psychiatric_normal psychiatry_negative 志贺毒素
    shiga_toxin* 巨细胞病毒性肝炎 疱疹病毒性肝炎 牙齿发育障碍 颌骨发育障碍 避孕套导管 血管性血友病因子 早产儿视网膜
    牵引产 替代孕 妇产科 婦產科 指纹图谱 指纹谱 指纹鉴定 肽指纹 基因工程 基因重组 转基因 非孕妇 非孕女性 非妊娠
    孕妇禁用 孕妇慎用 孕妇忌用 孕妇忌服 孕妇及哺乳 孕妇或哺乳 孕妇、哺乳 孕妇请提前 孕妇请告知 孕妇不宜 孕妇及备孕
    怀孕者 怀孕或哺乳 如怀孕请 若怀孕请 怀孕请告知 妊娠期妇女禁用 妊娠期妇女慎用 妊娠及哺乳期妇女 妊娠期及哺乳期妇女
    ST_depression* ST_T_depression* segment_depression* wave_depression* PR_depression* point_depression*
    respiratory_depression* ventilatory_depression* CNS_depression* nervous_system_depression* marrow_depression*
    myocardial_depression* immune_depression* lithium_heparin* heparin_lithium non_alcoholic* non_alcohol_use
    oilseed_rape rape_seed* rape_pollen rape_oil fetal_hemoglobin* fetal_haemoglobin* foetal_haemoglobin* fetal_bovine
    fetal_calf fetal_position obstetrics_and_gyn* obstetrics_gyn* pregnant_women if_you_are_pregnant if_pregnant
    pregnancy_category drug_use_evaluation drug_use_review IVF_NS IVF_LR IVF_bolus IVF_hydration IVF_at_# IVF_#
    IVF_D_# IVF_running nirmatrelvir_ritonavir nirmatrelvir_and_ritonavir 奈玛特韦片/利托那韦 奈玛特韦/利托那韦
    奈玛特韦利托那韦 奈玛特韦片、利托那韦 奈玛特韦片和利托那韦
"""

# Texts that are sensitive when they are all there is
WHOLE: Final = {
    Topic.HIV: "cd4|cd4+|cd4%",
    Topic.MH: "锂",
    Topic.SUD: "ethanol|乙醇|酒精|alcohol",
    Topic.SEX: "lh|e2",
    Topic.IDENTITY: "民族|种族|宗教|宗教信仰|信仰|religion|religious preference|race|ethnicity|ethnic group",
}

# Plain words unless written so
CASED: Final = {
    Topic.HIV: "AIDS|PrEP",
    Topic.STD: "TRUST",
    Topic.PREGNANT: "TORCH",
    # alone, TB is the total bilirubin of most Chinese analysers
    Topic.NOTIFIABLE: "(?i:of|for|with|had|has|against|prior|previous|past|possible|suspected|mdr|hiv)[ ,/-]{1,2}TB",
}
# Things to hear and walk with, in messages all in capitals
HARMLESS_CASED: Final = "(?i:hearing|walking|mobility|visual|listening|first|teaching|sleep|nhs) (?:AIDS|TRUST)"

# 性病 stands inside 慢性病 and 占位性病变, 性侵 inside 浸润性侵犯: they count after a mark or a word that ends there
_ALONE = r"(?:^|(?<=[认有无患治防及和与或被遭曾、，,。；;：:\sa-z0-9（(“]))"
# What no list of words says: a gap of any kind, a letter that must not stand before
# Topics → what a text must hold for the expression to be tried (in small letters), and the expression
PATTERNS: Final = {
    Topic.HIV: (("cd4/", "cd4 /", "cd3+"), r"cd4\s?/\s?cd8|cd3\+\s?cd4\+"),
    Topic.HBV: (("hb",), r"抗[- ]?hb[sec](?![a-z])"),
    Topic.STD: (("性病", "tp"), rf"{_ALONE}性病(?![变理])|(?<![a-z])tp[- ]?抗体|抗[- ]?tp(?![a-z])"),
    Topic.SDV: (
        ("性侵", "被"),
        (
            rf"{_ALONE}性侵(?!袭|犯周|蚀|入)|"
            r"被(?:丈夫|妻子|老公|配偶|男友|女友|前夫|家人|父亲|母亲|继父|养父|伴侣)[^。；，,]{0,6}(?:殴打|打伤|暴打|施暴|掐)"
        ),
    ),
    Topic.SEX: (("性功能",), rf"{_ALONE}性功能"),
    Topic.PREGNANT: (
        ("孕", "人流", "药流"),
        r"孕\s?[0-9一二三四五六七八九]{1,2}\s?[产周+]|(?<![病老男女个])[人药]流(?:史|后|[0-9一二三四]{1,2}次)",
    ),
    Topic.GDIS | Topic.HGR: ((".",), r"\.(?:vcf|bcf|bam|cram|fastq|fq)(?![a-z])"),
}

# A vaccination against a disease isn't the disease
VACCINE_TOPICS: Final = Topic.HBV | Topic.NOTIFIABLE | Topic.STD
# LOINC of what a vaccination message says about the vaccine: components, leaflet, group, doses due
VACCINE_LOINC: Final = frozenset(
    ("69764-9", "30956-7", "38890-0", "29768-9", "29769-7", "30973-2", "59779-9", "59780-7", "59781-5", "59782-3")
)
VACCINES: Final = re.compile(
    "(?:人乳头瘤病毒|hpv|乙型肝炎|乙肝|甲型肝炎|甲肝|戊型肝炎|戊肝|狂犬病|麻疹|百日咳|白喉|伤寒|霍乱|炭疽|鼠疫|结核|"
    "新型冠状病毒|新冠|脊髓灰质炎|乙型脑炎|乙脑|流脑|脑膜炎球菌|脑脊髓膜炎|出血热|钩端螺旋体|布鲁氏菌|痢疾|登革|猴痘)"
    "[病毒杆菌球炎热减灭活株重组结合联合吸附无细胞群多糖基因工程流行性腮腺风疹水痘破伤甲乙型双价四九二三、,()（）\\-\\sa-z0-9]"
    "{0,24}疫苗|"
    "(?:hepatitis [abe]|hep [abe]|hpv|papillomavirus|measles|rabies|typhoid|cholera|pertussis|diphtheria|covid|"
    "covid-?19|sars-cov-2|anthrax|polio(?:myelitis)?|mening\\w{0,12}|dengue|mpox|tubercul\\w{0,6}|plague)"
    "(?:[\\s,()-]{1,3}(?:virus|recombinant|inactivated|live|mrna|adult|pediatric|conjugate|oral|mumps|rubella|tetanus|"
    "and|b|acellular|human|rna|toxoids?)){0,6}[\\s,()-]{1,3}(?:vaccin|immuni[sz]ation)"
)
# Genes of germs: what stands right before the word
GERM_GENE: Final = re.compile(
    "(?:耐药|毒力|病毒|病原体|细菌|菌|支原体|衣原体|hpv|hbv|hcv|hiv|meca|毒素|(?<![a-z])(?:n[12]?|e|s|orf|orf1ab|orf1a/b|rdrp))"
    "[的\\s-]{0,2}$"
)
GENE: Final = "基因"
